"""What was said in an episode, to the token: a graph of token deltas.

    node 0  given    system + user + "assistant:"          (prompt of the first call)
    node 1  sampled  the policy's first message            parent 0
    node 2  given    the tool's result + "assistant:"      parent 1
    node 3  sampled  ...                                   parent 2

One model call is one path from the root to a leaf. Tokens that were sampled are never tokenised
again. Mask and tokens are born together: a node is sampled whole or given whole.
"""

from typing import Literal

from pydantic import model_validator

from surefoot.records.base import Record
from surefoot.records.message import Message
from surefoot.records.variation import Variation

Finish = Literal["stop", "length"]
Stop = Literal["finished", "turns", "tokens", "limits"]
Match = Literal["exact", "realigned", "forked"]


class Node(Record):
    """A span of tokens. `logprobs` and `versions` have one entry a token and exist iff sampled."""

    parent: int | None
    tokens: tuple[int, ...]
    sampled: bool = False
    logprobs: tuple[float, ...] | None = None
    versions: tuple[int, ...] | None = None
    finish: Finish | None = None
    match: Match | None = None
    messages: tuple[Message, ...] = ()

    @model_validator(mode="after")
    def _mask_born_with_tokens(self) -> "Node":
        if self.sampled:
            if self.logprobs is None or self.versions is None:
                raise ValueError("a sampled node needs logprobs and versions")
            if not len(self.tokens) == len(self.logprobs) == len(self.versions):
                raise ValueError("a sampled node needs one logprob and one version for each token")
        elif self.logprobs is not None or self.versions is not None:
            raise ValueError("a given node has no logprobs and no versions")
        return self


class Effect(Record):
    """One change that an episode left in its workspace."""

    path: str
    kind: Literal["created", "modified", "deleted"]
    size: int | None = None


class Trace(Record):
    """One episode's conversation, closed once and never edited."""

    episode: str
    goal: str
    variation: Variation
    nodes: tuple[Node, ...]
    stop: Stop
    effects: tuple[Effect, ...] = ()
    calls: int = 0
    faults: int = 0
    """Messages that could not be read as calls (each went back to the policy as a tool error)."""

    @property
    def answer(self) -> str:
        """The policy's last message as text; empty if it never spoke."""
        for node in reversed(self.nodes):
            if node.sampled and node.messages:
                return node.messages[-1].content
        return ""

    def path(self, leaf: int) -> list[int]:
        """Node numbers from the root to `leaf`."""
        found: list[int] = []
        at: int | None = leaf
        while at is not None:
            found.append(at)
            at = self.nodes[at].parent
        return found[::-1]

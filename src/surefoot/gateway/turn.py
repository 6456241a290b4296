"""One turn with the policy: render, generate, parse, reply, record. The spine.

    messages --render--> given node --generate--> sampled node --parse--> Reply | ParseFault
                            \\______________________/
                             both stay in the session's token graph, which becomes the trace

Whoever talks to the policy talks through here: the built-in agent in-process, other programs over
HTTP later. Invariant: tokens that were sampled are recorded as they came and never made again from
text; everything else is recorded as given.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict, Field

from surefoot.gateway.render import Renderer
from surefoot.joints import Engine, Format
from surefoot.records import (
    Dispatch,
    Effect,
    Message,
    Node,
    ParseFault,
    Reply,
    Sampling,
    Stop,
    Tool,
    Trace,
)


class Budget(BaseModel):
    """What one episode may spend. A policy that runs out stops by name; it did not fault."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    turns: int = Field(default=16, ge=1)
    """Messages of the policy."""
    message_tokens: int = Field(default=64, ge=1)
    """Tokens of one message of the policy."""
    context_tokens: int = Field(default=1024, ge=1)
    """Tokens of the whole conversation, given and sampled."""


def noise_key(seed: int, dispatch: Dispatch, turn: int) -> int:
    """64 bits from (seed, goal, group, attempt, turn): the same whatever finishes first."""
    text = f"{seed}/{dispatch.goal.key}/{dispatch.group}/{dispatch.attempt}/{turn}"
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")


@dataclass(frozen=True, kw_only=True)
class Voice:
    """How one policy is spoken to: what samples, what renders, how warm, under which seed."""

    engine: Engine
    renderer: Renderer
    temperature: float
    seed: int
    budget: Budget


class Session:
    """One episode's conversation with the policy. Single use; keeps the token graph."""

    def __init__(
        self, voice: Voice, dispatch: Dispatch, form: Format, tools: Sequence[Tool]
    ) -> None:
        self._voice = voice
        self._dispatch = dispatch
        self._format = form
        self._tools = tools
        self._nodes: list[Node] = []
        self._length = 0
        self._turn = 0
        self._calls = 0
        self._faults = 0

    async def turn(self, messages: Sequence[Message]) -> Reply | ParseFault | None:
        """Says `messages` (those that are new) to the policy and returns its message, read back.

        Returns None where the policy's tokens ran out: its message was cut, or nothing more fits.

        Raises:
            EngineFault: generation failed through us.
        """
        self._give(messages)
        budget = self._voice.budget
        room = min(budget.message_tokens, budget.context_tokens - self._length)
        if room <= 0:
            return None
        text = await self._sample(room)
        if text is None:
            return None
        read = self._format.parse(text, self._tools)
        if isinstance(read, ParseFault):
            self._faults += 1
        else:
            self._calls += len(read.calls)
        return read

    def trace(self, stop: Stop, effects: Sequence[Effect]) -> Trace:
        """Closes the record."""
        return Trace(
            episode=self._dispatch.id,
            goal=self._dispatch.goal.key,
            variation=self._dispatch.variation,
            nodes=tuple(self._nodes),
            stop=stop,
            effects=tuple(effects),
            calls=self._calls,
            faults=self._faults,
        )

    def _give(self, messages: Sequence[Message]) -> None:
        renderer = self._voice.renderer
        if self._nodes:
            tokens = renderer.following(messages, self._nodes[-1].tokens[-1])
        else:
            tokens = renderer.opening(messages)
        self._add(Node(parent=self._last, tokens=tuple(tokens), messages=tuple(messages)))

    async def _sample(self, room: int) -> str | None:
        tokenizer = self._voice.renderer.tokenizer
        sampled = await self._voice.engine.generate(
            [token for node in self._nodes for token in node.tokens],
            Sampling(
                temperature=self._voice.temperature,
                max_tokens=room,
                stop=tokenizer.stop,
                noise=noise_key(self._voice.seed, self._dispatch, self._turn),
            ),
        )
        self._turn += 1
        if not sampled.tokens:
            return None
        text = tokenizer.decode(sampled.tokens)
        self._add(
            Node(
                parent=self._last,
                tokens=sampled.tokens,
                sampled=True,
                logprobs=sampled.logprobs,
                versions=sampled.versions,
                finish=sampled.finish,
                match="exact",
                messages=(Message(role="assistant", content=text),),
            )
        )
        return text if sampled.finish == "stop" else None

    @property
    def _last(self) -> int | None:
        return len(self._nodes) - 1 if self._nodes else None

    def _add(self, node: Node) -> None:
        self._nodes.append(node)
        self._length += len(node.tokens)

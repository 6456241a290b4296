"""The Protocols: every place where a part can be exchanged.

Each has at most five verbs, so that a part of one's own is small and a floor may wrap what a higher
floor builds.
"""

from collections.abc import Generator, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol, TypeVar

from surefoot.records import (
    Call,
    Effect,
    Episode,
    Goal,
    Message,
    Opening,
    ParseFault,
    PolicyVersion,
    Record,
    Reply,
    Result,
    Reward,
    Sampled,
    Sampling,
    Split,
    StepMetrics,
    Stop,
    Tool,
    Trace,
)


class Ran(NamedTuple):
    """A command that ran. `output` is standard output and error as they came, cut at the limit."""

    status: int
    output: str
    timed_out: bool = False
    truncated: bool = False


class Sandbox(Protocol):
    """One box with one workspace and one persistent shell; single use. Paths are relative to the
    workspace; a path that leaves it, or goes through a link, is refused with `PermissionError`.

    Raises:
        SandboxFault: the box died or could not start (our fault, never the policy's).
    """

    async def start(self, base: Path | None = None) -> None:
        """Starts the box over a copy-on-write view of the directory `base` (None: empty)."""
        ...

    async def exec(self, command: str, *, seconds: float | None = None) -> Ran:
        """Runs `command` in the persistent shell (working directory and variables last)."""
        ...

    async def read(self, path: str) -> bytes:
        """Reads a regular file. FileNotFoundError, IsADirectoryError, PermissionError as usual."""
        ...

    async def write(self, path: str, content: bytes) -> None:
        """Writes a file and makes its parent folders. OSError where the box's disk is full."""
        ...

    async def close(self) -> tuple[Effect, ...]:
        """Kills everything in the box; returns what changed in the workspace, sorted by path."""
        ...


class Environment(Protocol):
    """The world in which a goal is asked. Single use: there is no reset."""

    async def open(self, goal: Goal, sandbox: Sandbox) -> Opening: ...

    async def step(self, calls: Sequence[Call]) -> list[Result]:
        """Answers canonical calls, one result a call. A policy's mistake is a failed Result."""
        ...

    async def close(self) -> tuple[Effect, ...]: ...


class Format(Protocol):
    """How tools are written to the policy, and how its calls are read back.

    `parse(write(calls))` gives the calls back exactly for tools that were presented.
    """

    name: str

    def present(self, tools: Sequence[Tool]) -> str:
        """The text for the system prompt: how to call, the tools, and one example call."""
        ...

    def write(self, text: str, calls: Sequence[Call]) -> str:
        """The assistant message that says `text` and makes `calls`."""
        ...

    def parse(self, message: str, tools: Sequence[Tool]) -> Reply | ParseFault:
        """Reads an assistant message; arguments are converted to the types of the tool's schema."""
        ...

    def render(self, results: Sequence[Result]) -> Message:
        """The message that carries results back to the policy."""
        ...


class Wrapped(Protocol):
    """A perturbation bound to one episode's opening."""

    opening: Opening

    def transport(self, call: Call) -> Call:
        """Canonical call -> the call as this surrounding wants it."""
        ...

    def recover(self, call: Call) -> Call | Result:
        """The exact inverse of `transport`; a failed Result where the call cannot be meant
        (an unknown tool, a distractor), which goes back to the policy."""
        ...

    def result(self, result: Result) -> Result:
        """What the policy sees of a result of a canonical call."""
        ...


class Perturbation(Protocol):
    """A change of what surrounds the policy that leaves the goal reachable."""

    name: str
    axis: str

    def wrap(self, opening: Opening, *, seed: int, held_out: bool) -> Wrapped: ...


class Tokenizer(Protocol):
    """Text to tokens and back, with the chat template of one policy."""

    stop: tuple[int, ...]
    """Tokens that end an assistant message."""

    def encode(self, text: str, *, special: bool) -> list[int]:
        """Tokens of `text`. With `special`, the texts of special tokens become those tokens;
        without, they stay ordinary text (what a tool prints can never close a message)."""
        ...

    def decode(self, tokens: Sequence[int]) -> str:
        """Text of `tokens`, special tokens left out."""
        ...

    def special_texts(self) -> frozenset[str]: ...

    def template(self, messages: Sequence[Message], *, generate: bool) -> str:
        """The conversation as text; with `generate`, up to where the assistant's message begins.

        Raises:
            ValueError: the template refuses these roles or this order.
        """
        ...


class Engine(Protocol):
    """Something that samples from a policy, token by token.

    Raises:
        EngineFault: generation failed through us.
    """

    async def generate(self, tokens: Sequence[int], sampling: Sampling) -> Sampled: ...

    async def load(self, version: PolicyVersion) -> None:
        """Swaps the weights. Messages in flight go on under the new version (their tokens say so);
        nothing computed under old weights is used again."""
        ...

    async def close(self) -> None: ...


class Check(Protocol):
    """Judges an episode's end state. The sandbox is clean; it holds the goal's `judged` paths."""

    async def __call__(self, goal: Goal, trace: Trace, sandbox: Sandbox) -> Reward: ...


Program = Generator[Call, Result, str]
"""A solution as a program: yields canonical calls, is sent their results, returns its answer."""


class Solution(Protocol):
    """Starts a program that sees only what the policy sees."""

    def __call__(self, request: Mapping[str, str]) -> Program: ...


class GoalSource(Protocol):
    """A lazy stream of goals with splits and stable keys."""

    def goals(self, split: Split) -> Iterator[Goal]: ...

    def check(self, goal: Goal) -> Check: ...

    def reference(self, goal: Goal) -> Solution: ...

    def wrong(self, goal: Goal) -> Mapping[str, Solution]: ...


class Speak(Protocol):
    """The one way to the policy: send the messages that are new, get its message read back."""

    async def __call__(self, messages: Sequence[Message]) -> Reply | ParseFault | None:
        """None where the policy ran out of its own tokens."""
        ...


class Agent(Protocol):
    """The program between policy and environment."""

    async def run(self, opening: Opening, speak: Speak, environment: Environment) -> Stop:
        """Runs to its end; returns how it stopped."""
        ...


R = TypeVar("R", bound=Record)


class Store(Protocol):
    """The append-only record of a run. Nothing is updated but by the transition table, nothing
    deleted. Calls are short and synchronous; each `write` and each `commit` is one transaction.

    Raises:
        StoreError: the store is corrupt, of another version, or refuses what it was given.
        StoppedError: the disk is full; nothing of the transaction was kept.
    """

    def write(self, *records: Record) -> None:
        """Appends Dispatch, Verdict, Judged, Event and Start records, and Episodes that end outside
        of a training step (`judged`, `fault`, `cancelled`)."""
        ...

    def commit(
        self,
        metrics: StepMetrics,
        version: PolicyVersion,
        episodes: Sequence[Episode],
        *also: Record,
    ) -> None:
        """Ends one training step: its episodes' outcomes, traces and verdicts, its metrics, its
        checkpoint's path and what else belongs to it become true together, or nothing does."""
        ...

    def stream(
        self, kind: type[R], *, step: int | None = None, episode: str | None = None
    ) -> Iterator[R]:
        """Yields the records of one kind lazily, in the order in which they were written."""
        ...

    def query(self, sql: str, *parameters: object) -> list[tuple[Any, ...]]:
        """Answers one SELECT over the tables and views of docs/store.md."""
        ...

    def close(self) -> None: ...

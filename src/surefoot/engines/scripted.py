"""An engine without weights: a function says the tokens. For tests and demonstrations; torch-free.

    script(tokens, sampling) -> the message's tokens        logprob of each: SCRIPTED_LOGPROB

It keeps what every engine keeps: at most `max_tokens`, nothing after a stop token, one version a
token. What the script says depends on its arguments only, if the script keeps to that.
"""

from collections.abc import Callable, Sequence

from surefoot.records import PolicyVersion, Sampled, Sampling
from surefoot.records.errors import EngineFault

SCRIPTED_LOGPROB = -0.5

Script = Callable[[Sequence[int], Sampling], Sequence[int]]


class ScriptedEngine:
    """Says what its script says (Protocol `Engine`).

    A message that reaches neither a stop token nor `max_tokens` ends with finish `stop`.
    """

    def __init__(self, script: Script, *, version: int = 0) -> None:
        self.script = script
        self.version = version
        self.closed = False

    async def generate(self, tokens: Sequence[int], sampling: Sampling) -> Sampled:
        """One message after `tokens`.

        Raises:
            EngineFault: the engine was closed.
        """
        if self.closed:
            raise EngineFault("The engine is closed; open a new one.")
        said = list(self.script(tokens, sampling))[: sampling.max_tokens]
        end = next((at + 1 for at, token in enumerate(said) if token in sampling.stop), None)
        said = said[:end]
        ended = end is not None or len(said) < sampling.max_tokens
        return Sampled(
            tokens=tuple(said),
            logprobs=(SCRIPTED_LOGPROB,) * len(said),
            versions=(self.version,) * len(said),
            finish="stop" if ended else "length",
        )

    async def load(self, version: PolicyVersion) -> None:
        """Tokens say this version from here on; the script stays."""
        self.version = version.number

    async def close(self) -> None:
        """Refuses messages from here on."""
        self.closed = True

"""The clean sandbox of a check: files in memory until the check runs a command.

Most checks only read the judged files, and starting a box costs more than all the rest of judging.
Not a place for an agent. Invariant: a check cannot tell whether the box runs yet: what it wrote
before its first command lies in the box when the command runs.
"""

from collections.abc import Callable, Mapping
from pathlib import Path

from surefoot.joints import Ran, Sandbox
from surefoot.records import Effect
from surefoot.records.errors import SandboxFault
from surefoot.sandbox import ScriptedSandbox


class CleanSandbox:
    """Implements `Sandbox` over `files`; `create` makes the unstarted box for the first command."""

    def __init__(self, files: Mapping[str, bytes], create: Callable[[], Sandbox]) -> None:
        self._create = create
        self._memory = ScriptedSandbox(files)
        self._box: Sandbox | None = None

    async def start(self, base: Path | None = None) -> None:
        """Gets ready; no process starts."""
        await self._memory.start(base)

    async def exec(self, command: str, *, seconds: float | None = None) -> Ran:
        """Runs a command in the box, which starts now if it does not run yet."""
        if self._box is None:
            # Kept before it starts, so that `close` ends a box whose start failed half way.
            self._box = self._create()
            await self._box.start(None)
            await self._fill(self._box)
        return await self._box.exec(command, seconds=seconds)

    async def read(self, path: str) -> bytes:
        """Reads a file."""
        return await (self._box or self._memory).read(path)

    async def write(self, path: str, content: bytes) -> None:
        """Writes a file."""
        await (self._box or self._memory).write(path, content)

    async def close(self) -> tuple[Effect, ...]:
        """Ends the box if it runs. What a check changed interests nobody."""
        await self._memory.close()
        if self._box is not None:
            await self._box.close()
        return ()

    async def _fill(self, box: Sandbox) -> None:
        for path, content in self._memory.files.items():
            try:
                await box.write(path, content)
            except OSError as error:
                raise SandboxFault(f"The clean sandbox cannot hold {path}: {error}.") from error

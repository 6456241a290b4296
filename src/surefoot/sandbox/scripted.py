"""A sandbox in memory, for tests and demonstrations: files are a dict, commands answer by script.

Isolates nothing because it runs nothing. Keeps the contract of joints.Sandbox: paths that leave the
workspace are refused, effects compare the end with the beginning.
"""

import errno
from collections.abc import Callable, Mapping
from pathlib import Path, PurePosixPath

from surefoot.joints import Ran
from surefoot.records import Effect
from surefoot.records.errors import SandboxFault

Answer = Callable[[str, dict[str, bytes]], Ran]
"""What a command gives: called with the command and the files, which it may change."""


def unknown(command: str, files: dict[str, bytes]) -> Ran:
    """The answer to every command where no script is given."""
    return Ran(127, f"bash: {command.split(maxsplit=1)[0] if command.strip() else ''}: not found\n")


def _table(answers: Mapping[str, Ran]) -> Answer:
    def answer(command: str, files: dict[str, bytes]) -> Ran:
        known = answers.get(command)
        return unknown(command, files) if known is None else known

    return answer


class ScriptedSandbox:
    """A Sandbox (see joints) over a dict of files. `commands` holds every command that was run."""

    def __init__(
        self, files: Mapping[str, bytes] | None = None, answer: Answer | Mapping[str, Ran] = unknown
    ) -> None:
        self.files = dict(files or {})
        self.commands: list[str] = []
        self._answer = answer if callable(answer) else _table(answer)
        self._before = dict(self.files)
        self._state = "new"

    async def start(self, base: Path | None = None) -> None:
        """Reads every file below `base` into memory."""
        if self._state != "new":
            raise SandboxFault("a sandbox is single use: make another one")
        self._state = "open"
        if base is not None:
            found = (path for path in base.rglob("*") if path.is_file() and not path.is_symlink())
            self.files |= {str(path.relative_to(base)): path.read_bytes() for path in found}
        self._before = dict(self.files)

    async def exec(self, command: str, *, seconds: float | None = None) -> Ran:
        """Answers as the script says; a command that a table lacks is unknown."""
        self._require_open()
        self.commands.append(command)
        return self._answer(command, self.files)

    async def read(self, path: str) -> bytes:
        """The file's content."""
        name = self._name(path)
        if name in self.files:
            return self.files[name]
        if any(other.startswith(f"{name}/") for other in self.files):
            raise IsADirectoryError(errno.EISDIR, "Is a directory", path)
        raise FileNotFoundError(errno.ENOENT, "No such file or directory", path)

    async def write(self, path: str, content: bytes) -> None:
        """Sets the file's content."""
        name = self._name(path)
        if any(other.startswith(f"{name}/") for other in self.files):
            raise IsADirectoryError(errno.EISDIR, "Is a directory", path)
        if any(str(parent) in self.files for parent in PurePosixPath(name).parents):
            raise NotADirectoryError(errno.ENOTDIR, "Not a directory", path)
        self.files[name] = content

    async def close(self) -> tuple[Effect, ...]:
        """What changed since the start."""
        self._state = "closed"
        found: list[Effect] = []
        for path in sorted(self._before.keys() | self.files.keys()):
            old, new = self._before.get(path), self.files.get(path)
            if new is None:
                found.append(Effect(path=path, kind="deleted"))
            elif old != new:
                kind = "created" if old is None else "modified"
                found.append(Effect(path=path, kind=kind, size=len(new)))
        return tuple(found)

    def _require_open(self) -> None:
        if self._state != "open":
            raise SandboxFault("the sandbox is not open: start it once, use it before it is closed")

    def _name(self, path: str) -> str:
        self._require_open()
        pure = PurePosixPath(path)
        if pure.is_absolute() or ".." in pure.parts:
            raise PermissionError(errno.EPERM, "the path leaves the workspace", path)
        if str(pure) == ".":
            raise IsADirectoryError(errno.EISDIR, "Is a directory", path)
        return str(pure)

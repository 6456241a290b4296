"""Worlds built on disk: each once, shared read-only by every episode that starts in it.

    World --(files written, databases built)--> directory --(copy-on-write)--> a sandbox

Not a sandbox: nothing an agent made comes here. Invariant: a directory that is lent is never
changed and never removed before it is given back; the rest are kept up to a number, oldest out
first.
"""

import hashlib
import shutil
import sqlite3
import tempfile
import weakref
from collections import Counter
from contextlib import ExitStack
from pathlib import Path, PurePosixPath

from surefoot.records import World
from surefoot.records.errors import GoalError


class Bases:
    """Built worlds under one temporary directory.

    Building writes a few small files and blocks for about a millisecond, a database for about ten.
    """

    def __init__(self, keep: int) -> None:
        self._keep = keep
        self._root = Path(tempfile.mkdtemp(prefix="surefoot-worlds-"))
        # The sandbox may run under another user: it must be able to read what lies here.
        self._root.chmod(0o755)
        self._lent: Counter[str] = Counter()
        self._built: dict[str, Path] = {}
        self._clean_up = weakref.finalize(self, shutil.rmtree, self._root, ignore_errors=True)

    def lend(self, world: World) -> Path:
        """The directory of `world`, built now if it is new. Give it back with `give_back`."""
        name = _name(world)
        path = self._built.pop(name, None)
        if path is None:
            path = self._root / name
            with ExitStack() as undo:
                undo.callback(shutil.rmtree, path, ignore_errors=True)
                build(world, path)
                undo.pop_all()
        self._built[name] = path
        self._lent[name] += 1
        self._forget()
        return path

    def give_back(self, path: Path) -> None:
        """Ends one loan of a directory."""
        self._lent[path.name] -= 1

    def close(self) -> None:
        """Removes every directory."""
        self._clean_up()

    def _forget(self) -> None:
        idle = [name for name in self._built if not self._lent[name]]
        for name in idle[: max(0, len(self._built) - self._keep)]:
            shutil.rmtree(self._built.pop(name))
            del self._lent[name]


def build(world: World, directory: Path) -> None:
    """Writes the world's files and databases into the new directory `directory`.

    Raises:
        GoalError: a path leaves the workspace, or an SQL script does not run.
    """
    directory.mkdir(mode=0o755)
    for path, text in world.files.items():
        _place(directory, path).write_bytes(text.encode())
    for path, script in world.databases.items():
        base = sqlite3.connect(_place(directory, path))
        try:
            base.executescript(script)
            base.commit()
        except sqlite3.Error as error:
            raise GoalError(f"The SQL script of the database {path} fails: {error}.") from error
        finally:
            base.close()


def _name(world: World) -> str:
    content = world.model_copy(update={"tools": ()}).model_dump_json()
    return hashlib.sha256(content.encode()).hexdigest()[:24]


def _place(directory: Path, path: str) -> Path:
    parts = PurePosixPath(path)
    if parts.is_absolute() or ".." in parts.parts or not parts.parts:
        raise GoalError(f"The goal's world has the path {path!r}: paths stay in the workspace.")
    place = directory / parts
    place.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    return place

"""Tells what changed in a workspace by walking its changes beside what it began as.

With an overlay only the upper layer is walked, so the cost is that of the changes and not that of
the project. Runs once everything in the box is dead, so nothing moves; links are never followed.

    upper  whiteout -> deleted      folder -> both sides, one level down (opaque: base is hidden)
           file     -> created, modified, or nothing where its content is the old one
"""

import os
import stat
from collections.abc import Iterator
from typing import NamedTuple

from surefoot.records import Effect
from surefoot.sandbox.files import content_of

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW
_OPAQUE = ("trusted.overlay.opaque", "user.overlay.opaque")
_DEEPEST = 64
"""Folders nested deeper count as one effect: a workspace of thousands of levels is an attack."""


class _Side(NamedTuple):
    """One folder on one side of the comparison: an open descriptor and what it holds."""

    fd: int
    entries: dict[str, os.stat_result]


def effects(changes: int, base: int | None, *, layered: bool) -> tuple[Effect, ...]:
    """What changed, sorted by path.

    Files, links and special files count; a folder counts (its path ends in `/`) only where it is
    new or gone and empty. A file that was rewritten with its old content is no effect.

    Args:
        changes: descriptor of the overlay's upper folder (`layered`), else of the whole workspace.
        base: descriptor of the directory that the workspace began as; None: it began empty.
    """
    os.fchmod(changes, 0o700)
    before = None if base is None else _side(base)
    found = _compare(_side(changes), before, "", layered)
    return tuple(sorted(found, key=lambda effect: (effect.path, effect.kind)))


def _side(fd: int) -> _Side:
    with os.scandir(fd) as entries:
        return _Side(fd, {entry.name: entry.stat(follow_symlinks=False) for entry in entries})


def _open(side: _Side, name: str) -> _Side:
    return _side(_readable(side, name, _FOLDER))


def _readable(side: _Side, name: str, flags: int) -> int:
    try:
        return os.open(name, flags, dir_fd=side.fd)
    except PermissionError:
        # The box took its own owner's rights away; that must not hide what it did. It is dead, and
        # `name` was seen to be no link.
        os.chmod(name, 0o700, dir_fd=side.fd)
        return os.open(name, flags, dir_fd=side.fd)


def _effect(path: str, kind: str, status: os.stat_result | None = None) -> Effect:
    size = status.st_size if status is not None and stat.S_ISREG(status.st_mode) else None
    readable = os.fsencode(path).decode(errors="replace")
    return Effect.model_validate({"path": readable, "kind": kind, "size": size})


def _compare(now: _Side, before: _Side | None, prefix: str, layered: bool) -> Iterator[Effect]:
    hides = not layered or any(_marked(now.fd, mark) for mark in _OPAQUE)
    if before is not None and hides:
        for name in before.entries.keys() - now.entries.keys():
            yield from _leaves(before, name, prefix, "deleted")
    for name, status in now.entries.items():
        old = None if before is None else before.entries.get(name)
        folder = stat.S_ISDIR(status.st_mode)
        whiteout = stat.S_ISCHR(status.st_mode) and status.st_rdev == 0
        if before is not None and old is not None:
            both = folder and stat.S_ISDIR(old.st_mode)
            if not both and (whiteout or folder or stat.S_ISDIR(old.st_mode)):
                yield from _leaves(before, name, prefix, "deleted")
                old = None
        if whiteout:
            continue
        if folder:
            yield from _folder(now, before if old else None, prefix + name, layered)
        elif old is None or before is None:
            yield _effect(prefix + name, "created", status)
        elif not _same(now, before, name):
            yield _effect(prefix + name, "modified", status)


def _folder(now: _Side, before: _Side | None, path: str, layered: bool) -> Iterator[Effect]:
    name = path.rpartition("/")[2]
    if path.count("/") >= _DEEPEST:
        yield _effect(path + "/", "created")
        return
    inner = _open(now, name)
    under = None if before is None else _open(before, name)
    try:
        if under is None and not inner.entries:
            yield _effect(path + "/", "created")
        yield from _compare(inner, under, path + "/", layered)
    finally:
        os.close(inner.fd)
        if under is not None:
            os.close(under.fd)


def _leaves(side: _Side, name: str, prefix: str, kind: str) -> Iterator[Effect]:
    """Everything at or below `name`, each as one effect."""
    path = prefix + name
    if not stat.S_ISDIR(side.entries[name].st_mode):
        yield _effect(path, kind)
        return
    inner = _open(side, name)
    try:
        if not inner.entries:
            yield _effect(path + "/", kind)
        for below in inner.entries:
            yield from _leaves(inner, below, path + "/", kind)
    finally:
        os.close(inner.fd)


def _same(now: _Side, before: _Side, name: str) -> bool:
    new, old = now.entries[name], before.entries[name]
    if stat.S_IFMT(new.st_mode) != stat.S_IFMT(old.st_mode) or new.st_size != old.st_size:
        return False
    if stat.S_ISLNK(new.st_mode):
        return os.readlink(name, dir_fd=now.fd) == os.readlink(name, dir_fd=before.fd)
    if not stat.S_ISREG(new.st_mode):
        return True
    contents: list[bytes] = []
    for side in (now, before):
        fd = _readable(side, name, _FILE)
        contents.append(content_of(fd, new.st_size + 1))
        os.close(fd)
    return contents[0] == contents[1]


def _marked(folder: int, mark: str) -> bool:
    try:
        return os.getxattr(folder, mark) == b"y"
    except OSError:
        return False

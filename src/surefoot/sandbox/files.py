"""Reads and writes files in a box's workspace from outside.

The agent owns these files and may swap any of them for a link, a pipe or a device at any moment.
So nothing here follows a link (openat2 decides in the kernel, no check can be raced), opens what is
not a regular file, blocks on a pipe, or has more rights than the box's own uid.
"""

import contextlib
import errno
import os
import stat
from collections.abc import Generator
from typing import NamedTuple

from surefoot.sandbox.launch import kernel

_READ = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY
_WRITE = os.O_WRONLY | os.O_CREAT | os.O_NONBLOCK | os.O_NOCTTY
_FOLDER = os.O_PATH | os.O_DIRECTORY


class Identity(NamedTuple):
    """The uid and gid whose rights files are touched with; None where they are the caller's own."""

    uid: int
    gid: int


@contextlib.contextmanager
def _rights(identity: Identity | None) -> Generator[None]:
    if identity is None:
        yield
        return
    own = Identity(os.geteuid(), os.getegid())
    kernel.set_fsuid(*identity)
    try:
        yield
    finally:
        kernel.set_fsuid(*own)


def _parts(path: str) -> list[str]:
    parts = [part for part in path.split("/") if part not in ("", ".")]
    if path.startswith("/") or ".." in parts or "\0" in path:
        raise PermissionError(errno.EPERM, "the path leaves the workspace", path)
    if not parts:
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)
    return parts


def _open(root: int, path: str, flags: int, mode: int = 0) -> int:
    try:
        return kernel.open_beneath(root, path, flags, mode)
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.EXDEV):
            raise PermissionError(errno.EPERM, "the path goes through a link", path) from error
        if error.errno in (errno.ENXIO, errno.EWOULDBLOCK):
            raise PermissionError(errno.EPERM, "not a regular file", path) from error
        raise


def _require_regular(fd: int, path: str) -> os.stat_result:
    status = os.fstat(fd)
    if stat.S_ISDIR(status.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)
    if not stat.S_ISREG(status.st_mode):
        raise PermissionError(errno.EPERM, "not a regular file", path)
    return status


def read(root: int, path: str, identity: Identity | None, limit: int) -> bytes:
    """The content of the regular file `path` below the directory descriptor `root`.

    Args:
        limit: most bytes that are read; a larger file is an OSError (EFBIG).

    Raises:
        FileNotFoundError, IsADirectoryError, PermissionError: as usual, and PermissionError where
            the path leaves the workspace, goes through a link or is no regular file.
    """
    relative = "/".join(_parts(path))
    with _rights(identity):
        fd = _open(root, relative, _READ)
    try:
        if _require_regular(fd, path).st_size > limit:
            raise OSError(errno.EFBIG, os.strerror(errno.EFBIG), path)
        return content_of(fd, limit)
    finally:
        os.close(fd)


def content_of(fd: int, limit: int) -> bytes:
    """What a descriptor holds, at most `limit` bytes."""
    chunks: list[bytes] = []
    while limit > 0 and (chunk := os.read(fd, min(limit, 1 << 20))):
        chunks.append(chunk)
        limit -= len(chunk)
    return b"".join(chunks)


def write(root: int, path: str, content: bytes, identity: Identity | None) -> None:
    """Writes the regular file `path` and makes its parent folders; see `read` for refusals.

    Raises:
        OSError: ENOSPC where the box's disk is full.
    """
    parts = _parts(path)
    with _rights(identity):
        for depth in range(1, len(parts)):
            _make_folder(root, parts[:depth])
        fd = _open(root, "/".join(parts), _WRITE, 0o644)
        try:
            _require_regular(fd, path)
            os.ftruncate(fd, 0)
            view = memoryview(content)
            while view:
                view = view[os.write(fd, view) :]
        finally:
            os.close(fd)


def _make_folder(root: int, parts: list[str]) -> None:
    parent = _open(root, "/".join(parts[:-1]), _FOLDER) if parts[:-1] else os.dup(root)
    try:
        with contextlib.suppress(FileExistsError):
            os.mkdir(parts[-1], 0o755, dir_fd=parent)
    finally:
        os.close(parent)

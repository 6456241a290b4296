"""Makes a box's private disk: one capped tmpfs, and the workspace as a view over the base.

Runs in a forked child, inside a mount namespace of its own, so that nothing can be left behind.

    /tmp (the child's own tmpfs: size and inodes capped)
      |-- files   the workspace: overlay(lower, upper), or a plain directory where there is no base
      |-- lower   the base, bound; owners mapped to the box's uid where the launcher is root
      |-- upper, work
      |-- tmp, shm   become /tmp and /dev/shm in the box

Kinds: `overlay` (changes stand in upper), `plain` (no base), `copy` (no overlay here).
"""

import contextlib
import os
import shutil
import signal
from dataclasses import dataclass
from pathlib import Path

from . import kernel
from .limits import MIB, Limits

ROOM = "/tmp"


@dataclass(frozen=True, kw_only=True)
class Owner:
    """Whose the box is: `uid` and `gid` on the host; `drop` where the launcher is root and the box
    becomes that user, else the launcher is an ordinary user and stays itself."""

    uid: int
    gid: int
    drop: bool


@dataclass(frozen=True, kw_only=True)
class Workspace:
    """A made workspace: `kind`, the folder that holds it, and whether that folder is a mount."""

    kind: str
    room: str
    mounted: bool


def enter(owner: Owner) -> None:
    """Moves the caller into a mount namespace (and, as an ordinary user, a user namespace) of its
    own. OSError where that is refused."""
    if owner.drop:
        kernel.unshare(kernel.CLONE_NEWNS)
    else:
        kernel.unshare(kernel.CLONE_NEWUSER | kernel.CLONE_NEWNS)
        _put("/proc/self/setgroups", "deny")
        _put("/proc/self/uid_map", f"0 {owner.uid} 1")
        _put("/proc/self/gid_map", f"0 {owner.gid} 1")
    kernel.mount("none", "/", "", kernel.MS_REC | kernel.MS_PRIVATE)
    # No box sees it, and bubblewrap reads the list of all mounts a dozen times. An ordinary user
    # may not.
    with contextlib.suppress(OSError):
        kernel.detach("/sys")


def mounted(base: str | None, owner: Owner, limits: Limits, mapping: int | None) -> Workspace:
    """Makes the private disk in the caller's mount namespace; `mapping` as from `Mappings`."""
    source = _open(base)
    options = f"size={limits.disk_mb}m,nr_inodes={limits.inodes + 16},mode=755"
    flags = kernel.MS_NOSUID | kernel.MS_NODEV
    kernel.mount("tmpfs", ROOM, "tmpfs", flags, options)
    _folders(ROOM, owner)
    if source is None:
        return Workspace(kind="plain", room=ROOM, mounted=True)
    kind = "overlay" if _overlay(source, owner, mapping) else "copy"
    if kind == "copy":
        copy(f"/proc/self/fd/{source}", f"{ROOM}/files", owner, limits)
    os.close(source)
    return Workspace(kind=kind, room=ROOM, mounted=True)


def unmounted(room: str, base: str | None, owner: Owner, limits: Limits) -> Workspace:
    """The next best without the right to mount: in the empty directory `room` on disk, the base is
    copied."""
    if owner.drop:  # the box may pass through this folder, and no other box may
        os.chown(room, 0, owner.gid)
    Path(room).chmod(0o710 if owner.drop else 0o755)
    _folders(room, owner)
    if base is not None:
        copy(base, f"{room}/files", owner, limits)
    return Workspace(kind="plain" if base is None else "copy", room=room, mounted=False)


def copy(source: str, target: str, owner: Owner, limits: Limits) -> None:
    """Copies regular files, directories and links (as links); leaves out everything else.

    Raises:
        OSError: the base is larger than the box's disk.
    """
    total = 0
    for folder, folders, names in os.walk(source):
        inside = Path(target + folder[len(source) :])
        for name in [*folders, *names]:
            entry, copied = Path(folder, name), inside / name
            if entry.is_symlink():
                copied.symlink_to(entry.readlink())
            elif entry.is_dir():
                copied.mkdir()
            elif entry.is_file():
                total += entry.stat().st_size
                if total > limits.disk_mb * MIB:
                    raise OSError(f"the base is larger than the box's disk of {limits.disk_mb} MiB")
                shutil.copy(entry, copied)
            else:
                continue
            if owner.drop:
                os.chown(copied, owner.uid, owner.gid, follow_symlinks=False)


def _open(base: str | None) -> int | None:
    return None if base is None else os.open(base, os.O_PATH | os.O_DIRECTORY)


def _put(path: str, text: str) -> None:
    fd = os.open(path, os.O_WRONLY)
    try:
        os.write(fd, text.encode())
    finally:
        os.close(fd)


def _folders(room: str, owner: Owner) -> None:
    for name in ("files", "lower", "upper", "work", "tmp", "shm"):
        path = Path(room, name)
        path.mkdir()
        if owner.drop and name != "lower":
            os.chown(path, owner.uid, owner.gid)


def _overlay(source: int, owner: Owner, mapping: int | None) -> bool:
    """Mounts the overlay; False where this kernel or file system has none that would serve."""
    try:
        _bind_lower(source, owner, mapping)
        if not owner.drop:  # tmpfs has user attributes since Linux 6.6; overlay needs them
            os.setxattr(f"{ROOM}/upper", "user.surefoot", b"")
            os.removexattr(f"{ROOM}/upper", "user.surefoot")
        here = os.open(".", os.O_PATH)
        os.chdir(ROOM)
        tail = "index=off,metacopy=off,redirect_dir=off" if owner.drop else "userxattr"
        layers = "lowerdir=lower,upperdir=upper,workdir=work"
        flags = kernel.MS_NOSUID | kernel.MS_NODEV
        try:
            kernel.mount("overlay", "files", "overlay", flags, f"{layers},{tail}")
        finally:
            os.fchdir(here)
            os.close(here)
    except OSError:
        return False
    return True


def _bind_lower(source: int, owner: Owner, mapping: int | None) -> None:
    path = f"/proc/self/fd/{source}"
    if mapping is not None:
        kernel.mount_mapped(path, f"{ROOM}/lower", mapping)
    elif owner.drop:
        raise OSError("user namespaces are refused")
    else:
        kernel.mount(path, f"{ROOM}/lower", "", kernel.MS_BIND)


class Mappings:
    """The user namespaces, without any process, that show the files of a base's owner as a box's
    own. Kept, one for each pair of them, because making one takes a fork."""

    def __init__(self) -> None:
        self._made: dict[tuple[int, int, int], int] = {}

    def find(self, base: str, owner: Owner) -> int | None:
        """A descriptor of the namespace for files of the owner of `base`; None where this machine
        refuses it or there is no such base (its child will say so)."""
        try:
            status = Path(base).stat()
            key = (status.st_uid, status.st_gid, owner.uid)
            if key not in self._made:
                self._made[key] = _mapping(key[:2], owner)
        except OSError:
            return None
        return self._made[key]


def _mapping(base: tuple[int, int], owner: Owner) -> int:
    """A user namespace whose map shows files of the base's owner as the box's own."""
    ready, go = os.pipe()
    child = os.fork()
    if child == 0:
        with contextlib.suppress(BaseException):
            kernel.die_with_parent()
            kernel.unshare(kernel.CLONE_NEWUSER)
            os.write(go, b"x")
            signal.pause()
        os._exit(0)
    os.close(go)
    try:
        if os.read(ready, 1) != b"x":
            raise OSError("user namespaces are refused")
        _put(f"/proc/{child}/uid_map", f"{base[0]} {owner.uid} 1")
        _put(f"/proc/{child}/gid_map", f"{base[1]} {owner.gid} 1")
        return os.open(f"/proc/{child}/ns/user", os.O_RDONLY)
    finally:
        os.close(ready)
        os.kill(child, 9)
        os.waitpid(child, 0)

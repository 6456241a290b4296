"""System calls that the standard library lacks. Each raises OSError with the call's name.

Not a policy: who may open or mount what is decided by the callers.
"""

import ctypes
import os
from typing import NoReturn

_libc = ctypes.CDLL(None, use_errno=True)

MS_NOSUID, MS_NODEV, MS_BIND, MS_REC, MS_PRIVATE = 2, 4, 0x1000, 0x4000, 1 << 18
CLONE_NEWNS, CLONE_NEWUSER = 0x20000, 0x10000000

_AT_EMPTY_PATH, _MNT_DETACH = 0x1000, 2
_OPEN_TREE_CLONE, _OPEN_TREE_CLOEXEC = 1, os.O_CLOEXEC
_MOVE_MOUNT_F_EMPTY_PATH = 4
_MOUNT_ATTR_IDMAP = 0x100000
_SYS_OPEN_TREE, _SYS_MOVE_MOUNT, _SYS_OPENAT2, _SYS_MOUNT_SETATTR = 428, 429, 437, 442
_RESOLVE_NO_MAGICLINKS, _RESOLVE_NO_SYMLINKS, _RESOLVE_BENEATH = 2, 4, 8
_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER, _PR_SET_NO_NEW_PRIVS = 1, 36, 38


def _fail(call: str) -> NoReturn:
    number = ctypes.get_errno()
    raise OSError(number, f"{call}: {os.strerror(number)}")


def _check(result: int, call: str) -> int:
    if result < 0:
        _fail(call)
    return result


def mount(source: str, target: str, kind: str, flags: int = 0, options: str = "") -> None:
    """mount(2)."""
    result = _libc.mount(
        source.encode(), os.fsencode(target), kind.encode(), ctypes.c_ulong(flags), options.encode()
    )
    _check(result, f"mount {kind or 'bind'} on {target}")


def detach(target: str) -> None:
    """Takes the mount at `target` and those below it out of the caller's mount namespace."""
    _check(_libc.umount2(os.fsencode(target), _MNT_DETACH), f"unmount {target}")


def unshare(flags: int) -> None:
    """unshare(2)."""
    _check(_libc.unshare(flags), "unshare")


def setns(fd: int, kind: int) -> None:
    """setns(2)."""
    _check(_libc.setns(fd, kind), "setns")


def set_fsuid(uid: int, gid: int) -> None:
    """File access of the calling thread as `uid` and `gid` from here on (setfsuid(2))."""
    _libc.setfsgid(gid)
    _libc.setfsuid(uid)


def die_with_parent() -> None:
    """SIGKILL to the caller when its parent ends."""
    _check(_libc.prctl(_PR_SET_PDEATHSIG, 9, 0, 0, 0), "prctl")


def adopt_orphans() -> None:
    """Orphaned descendants become children of the caller, so that it can reap them."""
    _check(_libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0), "prctl")


def no_new_privileges() -> None:
    """No exec of the caller or its children gains rights (set-uid files)."""
    _check(_libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "prctl")


class _OpenHow(ctypes.Structure):
    _fields_ = (
        ("flags", ctypes.c_uint64),
        ("mode", ctypes.c_uint64),
        ("resolve", ctypes.c_uint64),
    )


def open_beneath(directory: int, path: str, flags: int, mode: int = 0) -> int:
    """Opens `path` below `directory` without following any link (openat2, Linux 5.6).

    Raises:
        OSError: ELOOP where a link is on the way, EXDEV where the path leaves the directory.
    """
    how = _OpenHow(
        flags | os.O_CLOEXEC,
        mode,
        _RESOLVE_BENEATH | _RESOLVE_NO_SYMLINKS | _RESOLVE_NO_MAGICLINKS,
    )
    fd = _libc.syscall(
        ctypes.c_long(_SYS_OPENAT2),
        ctypes.c_int(directory),
        os.fsencode(path),
        ctypes.byref(how),
        ctypes.c_size_t(ctypes.sizeof(how)),
    )
    if fd < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), path)
    return int(fd)


class _MountAttr(ctypes.Structure):
    _fields_ = (
        ("attr_set", ctypes.c_uint64),
        ("attr_clr", ctypes.c_uint64),
        ("propagation", ctypes.c_uint64),
        ("userns_fd", ctypes.c_uint64),
    )


def mount_mapped(source: str, target: str, userns: int) -> None:
    """Binds `source` on `target` with owners mapped as `userns` says (since Linux 5.12)."""
    call = _libc.syscall
    flags = _OPEN_TREE_CLONE | _OPEN_TREE_CLOEXEC
    tree = call(ctypes.c_long(_SYS_OPEN_TREE), -100, os.fsencode(source), ctypes.c_uint(flags))
    _check(tree, "open_tree")
    attr = _MountAttr(_MOUNT_ATTR_IDMAP, 0, 0, userns)
    size = ctypes.c_size_t(ctypes.sizeof(attr))
    number = ctypes.c_long(_SYS_MOUNT_SETATTR)
    _check(call(number, tree, b"", _AT_EMPTY_PATH, ctypes.byref(attr), size), "mount_setattr")
    number = ctypes.c_long(_SYS_MOVE_MOUNT)
    destination = os.fsencode(target)
    _check(call(number, tree, b"", -100, destination, _MOVE_MOUNT_F_EMPTY_PATH), "move_mount")
    os.close(tree)

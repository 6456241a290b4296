"""What a forked child does between fork and exec: it becomes one box's first process.

It speaks to the launcher through `report`, a socket that closes at exec: descriptors and a kind
where the workspace is made, one sentence where something failed.

    open   fork -> own namespaces -> mounts -> report descriptors -> drop uid -> exec bwrap -> bash
    shell  fork -> the box's namespaces                           -> drop uid -> exec bwrap -> bash
"""

import contextlib
import json
import os
import signal
import socket
from dataclasses import dataclass

from . import bwrap, kernel, limits, workspace

SHELL = ["/bin/bash", "--norc", "--noprofile", "-s"]


@dataclass(frozen=True, kw_only=True)
class Order:
    """One box as the launcher orders it. `scratch` is its directory on disk where it may not mount
    a disk of its own. Once it is open, `room` is known and, where mounted, `namespaces` (of an
    ordinary user's box the user namespace, then the mount namespace). `mapping` shows the base's
    files as the box's own."""

    base: str | None
    owner: workspace.Owner
    limits: limits.Limits
    scratch: str | None
    room: str | None = None
    namespaces: tuple[int, ...] = ()
    mapping: int | None = None


def start(order: Order, report: socket.socket, control: int, output: int, status: int) -> None:
    """Never returns: execs, or reports why not and exits.

    Args:
        control: the shell's end of the control socket, its standard input.
        output: where the shell's output and error go.
        status: where bubblewrap writes the process id of the box.
    """
    try:
        kept = {report.fileno(), control, output, status, *order.namespaces}
        _close_others(kept if order.mapping is None else {*kept, order.mapping})
        if order.scratch is None and order.room is not None:
            for namespace, kind in zip(order.namespaces, _kinds(order.owner), strict=True):
                kernel.setns(namespace, kind)
        room = order.room if order.room is not None else _open(order, report)
        limits.hold(order.limits)
        _drop(order.owner)
        _descriptors(control, output)
        _exec(order, room, status)
    except BaseException as error:  # noqa: BLE001 (the child's border: report, then exit)
        with contextlib.suppress(OSError):
            report.send(json.dumps({"error": str(error) or repr(error)}).encode())
    os._exit(1)


def _close_others(kept: set[int]) -> None:
    """A descriptor of the launcher in the box would be a way out, wherever it came from."""
    low = 3
    for fd in [*sorted(kept), 1 << 20]:
        os.closerange(low, fd)
        low = fd + 1
    for fd in kept:
        os.set_inheritable(fd, False)


def _kinds(owner: workspace.Owner) -> tuple[int, ...]:
    return (kernel.CLONE_NEWNS,) if owner.drop else (kernel.CLONE_NEWUSER, kernel.CLONE_NEWNS)


def _open(order: Order, report: socket.socket) -> str:
    if order.scratch is None:
        workspace.enter(order.owner)
        made = workspace.mounted(order.base, order.owner, order.limits, order.mapping)
    else:
        made = workspace.unmounted(order.scratch, order.base, order.owner, order.limits)
    files = os.open(f"{made.room}/files", os.O_RDONLY | os.O_DIRECTORY)
    changes = f"{made.room}/upper" if made.kind == "overlay" else f"{made.room}/files"
    fds = [files, os.open(changes, os.O_RDONLY | os.O_DIRECTORY)]
    if order.scratch is None:
        names = ("mnt",) if order.owner.drop else ("user", "mnt")
        fds += [os.open(f"/proc/self/ns/{name}", os.O_RDONLY) for name in names]
    message = json.dumps({"kind": made.kind, "room": made.room}).encode()
    socket.send_fds(report, [message], fds)
    return made.room


def _drop(owner: workspace.Owner) -> None:
    if owner.drop:
        os.setgroups([])
        os.setresgid(owner.gid, owner.gid, owner.gid)
        os.setresuid(owner.uid, owner.uid, owner.uid)
    kernel.no_new_privileges()
    kernel.die_with_parent()  # after the change of uid, which clears it


def _descriptors(control: int, output: int) -> None:
    os.dup2(control, 0)
    os.dup2(output, 1)
    os.dup2(output, 2)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    for ignored in (signal.SIGPIPE, signal.SIGXFSZ, signal.SIGINT):
        signal.signal(ignored, signal.SIG_DFL)


def _exec(order: Order, room: str, status: int) -> None:
    if order.limits.driver == "local":
        os.setsid()
        _enter(f"{room}/files")
        home = bwrap.ENVIRONMENT | {"HOME": f"{room}/tmp", "TMPDIR": f"{room}/tmp"}
        os.execve(SHELL[0], SHELL, home)
    binary = bwrap.find()
    if binary is None:
        raise OSError("bubblewrap is gone from this machine")
    os.set_inheritable(status, True)
    words = [*bwrap.isolation(order.limits, status), *bwrap.view(room)]
    os.chdir("/")
    os.execve(binary, bwrap.command(binary, words, SHELL), bwrap.ENVIRONMENT)


def _enter(folder: str) -> None:
    try:
        os.chdir(folder)
    except PermissionError as error:
        raise OSError(
            f"uid {os.getuid()}, as which the box runs, cannot enter {folder}; set TMPDIR to a"
            " folder that every user may enter"
        ) from error

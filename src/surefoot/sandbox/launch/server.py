"""The launcher's loop: takes orders from its owner, forks boxes, tells what became of them.

Waits for: orders on the owner's socket, word from children, ends of processes. When the owner ends
for whatever reason (its socket closes, or its process descriptor fires), every box is killed.

    owner -> open(box, base) + control, output     -> opened(kind, uid) + workspace, changes
          -> shell(box) + control, output          (a new shell in the same box)
          -> kill(box)                             -> ended(box, status, cause) once all is dead
          -> drop(box)                             (forgets the box; its mounts vanish)
"""

import contextlib
import json
import os
import selectors
import shutil
import signal
import socket
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from . import child, kernel, slots
from .limits import MIB, Limits, private_memory, raise_descriptors
from .workspace import Mappings, Owner

WATCH_SECONDS = 0.25
_CLOEXEC = socket.MSG_CMSG_CLOEXEC


@dataclass
class Box:
    """One box. `process` is what the launcher forked (bubblewrap, or bash where local), `init` the
    first process inside; `watched` are the descriptors that stand in the selector for it.
    `life` numbers its shells, so that word of an old one is not taken for word of a new one."""

    order: child.Order
    life: int = 0
    process: int = 0
    alive: bool = False
    init: int = 0
    init_fd: int | None = None
    status: int = 0
    cause: str = ""
    said: bytes = b""
    watched: set[int] = field(default_factory=set[int])


class Server:
    """Serves one owner; single use."""

    def __init__(self, owner: socket.socket, limits: Limits, *, mounts: bool) -> None:
        self._owner, self._limits, self._mounts = owner, limits, mounts
        self._selector = selectors.DefaultSelector()
        self._boxes: dict[int, Box] = {}
        self._slots, self._mappings = slots.Slots(), Mappings()
        self._next_watch = 0.0
        self._drop = os.geteuid() == 0

    def serve(self) -> None:
        """Runs until the owner ends."""
        kernel.adopt_orphans()
        parent = os.pidfd_open(os.getppid())
        owner = self._owner.fileno()
        self._selector.register(parent, selectors.EVENT_READ, None)
        self._selector.register(owner, selectors.EVENT_READ, self._take)
        self._tell({"event": "ready"})
        with contextlib.suppress(EOFError):
            while True:
                for key, _ in self._selector.select(WATCH_SECONDS if self._boxes else None):
                    self._call(key)
                self._watch_memory()
        for box in self._boxes.values():
            self._kill(box)
            self._forget(box)

    def _call(self, key: selectors.SelectorKey) -> None:
        if key.data is None:
            raise EOFError
        now = self._selector.get_map().get(key.fd)
        if now is not None and now.data is key.data:  # else an earlier call of this round ended it
            key.data()

    def _tell(self, message: dict[str, Any], fds: tuple[int, ...] = ()) -> None:
        self._owner.setblocking(True)
        try:
            socket.send_fds(self._owner, [json.dumps(message).encode()], fds)
        except OSError as error:
            raise EOFError from error

    def _take(self) -> None:
        content, fds, _, _ = socket.recv_fds(self._owner, 1 << 16, 2, _CLOEXEC)
        if not content:
            raise EOFError
        order = json.loads(content)
        number = int(order["box"])
        try:
            if order["op"] == "open":
                self._open(number, order["base"], fds)
            elif number in self._boxes:
                self._change(number, order, fds)
        finally:
            for fd in fds:
                os.close(fd)

    def _open(self, number: int, base: str | None, fds: list[int]) -> None:
        try:
            uid = self._slots.claim() if self._drop else os.geteuid()
        except OSError as error:
            self._tell({"event": "failed", "box": number, "error": str(error)})
            return
        owner = Owner(uid=uid, gid=uid if self._drop else os.getegid(), drop=self._drop)
        scratch = None if self._mounts else tempfile.mkdtemp(prefix="surefoot-box-")
        order = child.Order(base=base, owner=owner, limits=self._limits, scratch=scratch)
        if self._drop and self._mounts and base is not None:
            order = replace(order, mapping=self._mappings.find(base, owner))
        self._boxes[number] = Box(order)
        self._fork(number, fds)

    def _change(self, number: int, order: dict[str, Any], fds: list[int]) -> None:
        box = self._boxes[number]
        if order["op"] == "shell":
            box.life = order["life"]
            self._fork(number, fds)
        elif order["op"] == "kill":
            self._kill(box)
            self._end_if_dead(number)
        else:
            del self._boxes[number]
            self._kill(box)
            self._forget(box)

    def _fork(self, number: int, fds: list[int]) -> None:
        box = self._boxes[number]
        ours, report = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        ready, status = os.pipe()
        box.process = os.fork()
        if box.process == 0:
            child.start(box.order, report, fds[0], fds[1], status)
        report.close()
        os.close(status)
        os.set_blocking(ready, False)
        box.alive, box.init, box.init_fd, box.cause, box.said = True, 0, None, "", b""
        self._watch(box, ours.detach(), self._hear, number)
        self._watch(box, ready, self._learn, number)
        self._watch(box, os.pidfd_open(box.process), self._reap, number)

    def _watch(self, box: Box, fd: int, call: Callable[[int, int], None], number: int) -> None:
        box.watched.add(fd)
        self._selector.register(fd, selectors.EVENT_READ, lambda: call(number, fd))

    def _unwatch(self, box: Box, fd: int) -> None:
        box.watched.discard(fd)
        self._selector.unregister(fd)
        os.close(fd)

    def _hear(self, number: int, fd: int) -> None:
        """A child reports its workspace, or why it failed; the socket ends at exec."""
        box = self._boxes[number]
        with socket.socket(fileno=os.dup(fd)) as report:
            try:
                content, fds, _, _ = socket.recv_fds(
                    report, 1 << 16, 4, _CLOEXEC | socket.MSG_DONTWAIT
                )
            except BlockingIOError:
                return
        if not content:
            self._unwatch(box, fd)
            return
        told = json.loads(content)
        if "error" in told:
            box.cause = told["error"]
            return
        box.order = replace(box.order, mapping=None, room=told["room"], namespaces=tuple(fds[2:]))
        owner = box.order.owner
        message = {"event": "opened", "box": number, "kind": told["kind"], "drop": owner.drop}
        self._tell(message | {"uid": owner.uid, "gid": owner.gid}, tuple(fds[:2]))
        for passed in fds[:2]:
            os.close(passed)

    def _learn(self, number: int, fd: int) -> None:
        """Bubblewrap says which process is the box's first."""
        box = self._boxes[number]
        try:
            content = os.read(fd, 4096)
        except BlockingIOError:
            return
        if not content:
            self._unwatch(box, fd)
            return
        box.said += content  # it comes in pieces
        if not box.init and b"\n" in box.said:
            box.init = int(json.loads(box.said.partition(b"\n")[0])["child-pid"])
            with contextlib.suppress(ProcessLookupError):
                box.init_fd = os.pidfd_open(box.init)
                self._watch(box, box.init_fd, self._bury, number)

    def _reap(self, number: int, fd: int) -> None:
        """What was forked has ended; the namespace's first process follows (it dies with it)."""
        box = self._boxes[number]
        self._unwatch(box, fd)
        _, status = os.waitpid(box.process, 0)
        box.alive, box.status = False, os.waitstatus_to_exitcode(status)
        for other in list(box.watched):
            call = self._selector.get_key(other).data
            if other != box.init_fd:
                call()
        self._kill(box)
        self._clear(box)
        self._end_if_dead(number)

    def _clear(self, box: Box) -> None:
        """Without a namespace of its processes, what left the shell's session outlives it."""
        if self._drop and self._limits.driver == "local":
            slots.clear(box.order.owner.uid, box.process)

    def _bury(self, number: int, fd: int) -> None:
        box = self._boxes[number]
        self._unwatch(box, fd)
        box.init_fd = None
        with contextlib.suppress(ChildProcessError):
            os.waitpid(box.init, os.WNOHANG)
        self._end_if_dead(number)

    def _end_if_dead(self, number: int) -> None:
        box = self._boxes[number]
        if box.alive or box.init_fd is not None:
            return
        for fd in list(box.watched):
            self._unwatch(box, fd)
        message = {"event": "ended", "box": number, "life": box.life, "status": box.status}
        self._tell(message | {"cause": box.cause})

    def _kill(self, box: Box) -> None:
        if box.init_fd is not None:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(box.init_fd, signal.SIGKILL)
        if box.process and self._limits.driver == "local":
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(box.process, signal.SIGKILL)
        if box.alive:
            with contextlib.suppress(ProcessLookupError):
                os.kill(box.process, signal.SIGKILL)

    def _forget(self, box: Box) -> None:
        if box.alive:
            self._clear(box)
        for fd in list(box.watched):
            self._unwatch(box, fd)
        for fd in box.order.namespaces:
            os.close(fd)
        if box.order.scratch is not None:
            shutil.rmtree(box.order.scratch, ignore_errors=True)
        if self._drop:
            self._slots.free(box.order.owner.uid)

    def _watch_memory(self) -> None:
        if time.monotonic() < self._next_watch:
            return
        self._next_watch = time.monotonic() + WATCH_SECONDS
        for box in self._boxes.values():
            first = box.init or box.process
            if box.alive and not box.cause and private_memory(first) > self._limits.memory_mb * MIB:
                box.cause = "memory"
                self._kill(box)


def main() -> None:
    """Serves the owner, who is at the descriptor `argv[2]`; limits and mode are in `argv[3]`."""
    settings = json.loads(sys.argv[3])
    mounts = bool(settings.pop("mounts"))
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.setsid()
    raise_descriptors()
    Server(socket.socket(fileno=int(sys.argv[2])), Limits(**settings), mounts=mounts).serve()

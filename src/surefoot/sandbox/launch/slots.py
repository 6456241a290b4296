"""Throw-away uids: one for each box that lives, across every launcher on this machine.

A uid is held by a lock on a file of its name, so it is free again when its launcher is gone.
Nobody else has these uids, so whatever process has one belongs to its box.
"""

import contextlib
import fcntl
import os
import signal
import time
from pathlib import Path

FIRST, COUNT = 20000, 4096
FOLDER = Path("/run/surefoot")
_ROUNDS = 100


class Slots:
    """Hands out uids that no other box on this machine has."""

    def __init__(self) -> None:
        self._free: list[int] = []
        self._next = 0

    def claim(self) -> int:
        """A uid. OSError where all are taken."""
        if self._free:
            return self._free.pop()
        FOLDER.mkdir(mode=0o700, parents=True, exist_ok=True)
        for number in range(self._next, COUNT):
            fd = os.open(FOLDER / f"uid-{FIRST + number}", os.O_RDWR | os.O_CREAT, 0o600)
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(fd)
                continue
            self._next = number + 1
            return FIRST + number  # the descriptor stays open: it is the claim
        raise OSError(f"all {COUNT} throw-away uids from {FIRST} on are taken")

    def free(self, uid: int) -> None:
        """Gives `uid` back to this launcher, once every process of its box is dead."""
        self._free.append(uid)


def clear(uid: int, first: int) -> None:
    """Kills every process of the throw-away uid `uid`: those of a box without a process namespace.

    Again until none lives, for they may fork meanwhile. Reaps those that came to the caller, but
    for `first`, whose status somebody waits for. ValueError where `uid` is no slot.
    """
    if not FIRST <= uid < FIRST + COUNT:
        raise ValueError(f"{uid} is no throw-away uid: nothing of it is killed")
    for _ in range(_ROUNDS):
        processes = [int(name) for name in os.listdir("/proc") if name.isdigit()]  # noqa: PTH208
        if not [process for process in processes if _end(process, uid, first)]:
            return
        time.sleep(0.001)


def _end(process: int, uid: int, first: int) -> bool:
    """Kills `process` if it lives and its real uid is `uid`. The descriptor stands for this very
    process, so the number cannot come to mean another one between the second look and the kill."""
    with contextlib.suppress(OSError):
        if not _status(process, uid):
            return False
        fd = os.pidfd_open(process)
        try:
            status = _status(process, uid)
            if status and b"\nState:\tZ" not in status:
                signal.pidfd_send_signal(fd, signal.SIGKILL)
                return True
            if status and process != first:
                os.waitpid(process, os.WNOHANG)
        finally:
            os.close(fd)
    return False


def _status(process: int, uid: int) -> bytes:
    """What /proc says of `process`; empty where its real uid is another."""
    fd = os.open(f"/proc/{process}/status", os.O_RDONLY)
    try:
        status = os.read(fd, 4096)
    finally:
        os.close(fd)
    return status if b"\nUid:\t%d\t" % uid in status else b""

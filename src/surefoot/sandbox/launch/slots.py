"""Throw-away uids: one for each box that lives, across every launcher on this machine.

A uid is held by a lock on a file of its name, so it is free again when its launcher is gone.
"""

import fcntl
import os
from pathlib import Path

FIRST, COUNT = 20000, 4096
FOLDER = Path("/run/surefoot")


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

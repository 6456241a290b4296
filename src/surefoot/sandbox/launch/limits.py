"""What the launcher is told once, at its start; and how a box's processes are held to it."""

import contextlib
import os
import resource
from dataclasses import dataclass
from pathlib import Path

MIB = 1 << 20


@dataclass(frozen=True, kw_only=True)
class Limits:
    """The launcher's copy of the owner's configuration. `driver` is bubblewrap or local.
    `old_bwrap`: before 0.8.0 it cannot forbid user namespaces (the filter of system calls does)."""

    driver: str
    seconds: float
    memory_mb: int
    disk_mb: int
    inodes: int
    sockets: bool
    old_bwrap: bool = False


def raise_descriptors() -> None:
    """Lets the caller open as many descriptors as it may: each box takes five of them."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def hold(limits: Limits) -> None:
    """Puts the caller, soon a box's first process, under the limits that a process inherits."""
    memory, file = limits.memory_mb * MIB, limits.disk_mb * MIB
    cpu = 60 + int(10 * limits.seconds)
    for kind, value in (
        (resource.RLIMIT_AS, memory),
        (resource.RLIMIT_FSIZE, file),
        (resource.RLIMIT_NOFILE, 1024),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_CPU, cpu),
        (resource.RLIMIT_MSGQUEUE, 0),
    ):
        hard = resource.getrlimit(kind)[1]
        value = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(kind, (value, value))
    # Should the machine run out of memory, the kernel takes boxes first.
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000")


def private_memory(first: int) -> int:
    """Private memory of the process `first` and its descendants, in bytes."""
    total, page = 0, os.sysconf("SC_PAGE_SIZE")
    waiting = [first]
    while waiting:
        process = waiting.pop()
        with contextlib.suppress(OSError, ValueError):
            sizes = Path(f"/proc/{process}/statm").read_text().split()
            total += max(0, int(sizes[1]) - int(sizes[2])) * page
            for thread in os.listdir(f"/proc/{process}/task"):  # noqa: PTH208 (numbers, not paths)
                children = Path(f"/proc/{process}/task/{thread}/children").read_text()
                waiting += [int(child) for child in children.split()]
    return total

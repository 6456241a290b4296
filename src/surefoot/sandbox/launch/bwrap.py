"""The command line of bubblewrap: what a box sees, and that it sees nothing else.

Arguments travel through a descriptor and the environment is the box's own, so that /proc/1 in the
box shows neither. Everything writable lies on the box's capped disk; the root is read-only.
"""

import os
from pathlib import Path

from . import seccomp
from .limits import Limits

PATH = "/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin"
# SHLVL: bash takes a socket on its standard input for a remote shell and would read ~/.bashrc.
ENVIRONMENT = {
    "PATH": PATH,
    "HOME": "/tmp",
    "USER": "agent",
    "LOGNAME": "agent",
    "SHELL": "/bin/bash",
    "LANG": "C.UTF-8",
    "TERM": "dumb",
    "SHLVL": "1",
    "PYTHONDONTWRITEBYTECODE": "1",
}
_PASSWD = b"root:x:0:0::/:/bin/sh\nagent:x:1000:1000::/tmp:/bin/bash\n"
_GROUP = b"root:x:0:\nagent:x:1000:\n"


def find() -> str | None:
    """The path of bubblewrap, or None."""
    for folder in PATH.split(":"):
        if os.access(f"{folder}/bwrap", os.X_OK):
            return f"{folder}/bwrap"
    return None


def in_memory(content: bytes) -> int:
    """A descriptor that a child inherits and reads `content` from."""
    fd = os.memfd_create("surefoot", 0)
    os.write(fd, content)
    os.lseek(fd, 0, os.SEEK_SET)
    return fd


def isolation(limits: Limits, status: int) -> list[str]:
    """Namespaces, capabilities and system calls. `status` is where the box's process id goes."""
    words = ["--unshare-all", "--unshare-user", "--uid", "1000", "--gid", "1000"]
    if not limits.old_bwrap:
        words.append("--disable-userns")
    words += ["--hostname", "box", "--cap-drop", "ALL", "--new-session", "--die-with-parent"]
    filtered = seccomp.program(os.uname().machine, sockets=limits.sockets)
    if filtered:
        words += ["--seccomp", str(in_memory(filtered))]
    return [*words, "--json-status-fd", str(status)]


def view(room: str) -> list[str]:
    """The file system of a box: a read-only system, its own /proc and /dev, and from `room` its
    workspace, /tmp and /dev/shm."""
    words = ["--ro-bind", "/usr", "/usr"]
    for name in ("bin", "sbin", "lib", "lib32", "lib64", "libx32"):
        path = Path("/", name)
        if path.is_symlink():
            words += ["--symlink", str(path.readlink()), str(path)]
        elif path.is_dir():
            words += ["--ro-bind", str(path), str(path)]
    words += ["--file", str(in_memory(_PASSWD)), "/etc/passwd"]
    words += ["--file", str(in_memory(_GROUP)), "/etc/group"]
    for name in ("/etc/alternatives", "/etc/ld.so.cache"):
        words += ["--ro-bind-try", name, name]
    words += ["--proc", "/proc", "--remount-ro", "/proc", "--dev", "/dev"]
    words += ["--bind", f"{room}/shm", "/dev/shm", "--bind", f"{room}/tmp", "/tmp"]
    words += ["--bind", f"{room}/files", "/workspace"]
    return [*words, "--remount-ro", "/dev", "--remount-ro", "/"]


def command(bwrap: str, words: list[str], inside: list[str]) -> list[str]:
    """The arguments to exec: bubblewrap with `words` hidden in a descriptor, then `inside`."""
    hidden = in_memory("\0".join(words).encode() + b"\0")
    return [bwrap, "--args", str(hidden), "--", *inside]

"""What a probe is: a name, one line that says which way out is tried, and how it is tried."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Literal, NamedTuple

from surefoot.joints import Sandbox
from surefoot.sandbox.config import SandboxConfig
from surefoot.sandbox.escape.scene import Scene

Group = Literal[
    "files", "links", "processes", "network", "kernel", "resources", "survival", "neighbours"
]
GROUPS: tuple[Group, ...] = (
    "files",
    "links",
    "processes",
    "network",
    "kernel",
    "resources",
    "survival",
    "neighbours",
)


class Finding(NamedTuple):
    """What a probe saw. `verdict`: `broken` is a probe that could not be tried, which counts as
    open."""

    verdict: Literal["open", "closed", "broken"]
    evidence: str


class Trial(NamedTuple):
    """What a probe is given: the planted host, a box to break out of, and the box's limits."""

    scene: Scene
    box: Sandbox
    limits: SandboxConfig


Act = Callable[[Trial], Awaitable[Finding]]


@dataclass(frozen=True, kw_only=True)
class Probe:
    """One way out. `alone` probes get a box of their own, which they may ruin."""

    name: str
    group: Group
    description: str
    act: Act
    alone: bool = False


def _last(output: str) -> str:
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    return lines[-1][:160] if lines else "no output"


def token(script: str) -> Act:
    """Open where the output of `script` shows the planted token."""

    async def act(trial: Trial) -> Finding:
        ran = await trial.box.exec(trial.scene.fill(script))
        if trial.scene.token in ran.output:
            return Finding("open", "the planted token was read")
        return Finding("closed", _last(ran.output).removeprefix("CLOSED "))

    return act


def said(script: str) -> Act:
    """Open or closed as `script` says in its last line (`OPEN reason` or `CLOSED reason`)."""

    async def act(trial: Trial) -> Finding:
        ran = await trial.box.exec(trial.scene.fill(script))
        last = _last(ran.output)
        word, _, evidence = last.partition(" ")
        if word in ("OPEN", "CLOSED"):
            return Finding("open" if word == "OPEN" else "closed", evidence or last)
        return Finding("broken", last)

    return act


_PYTHON = """python3 -I -S - <<'SCRIPT'
import ctypes, errno, os, socket, sys
def tried(way):
    try:
        reason = way()
    except OSError as error:
        print("CLOSED", errno.errorcode.get(error.errno, error.errno), error.strerror)
    except MemoryError:
        print("CLOSED MemoryError")
    else:
        print("OPEN", reason)
{body}
SCRIPT"""


def python(body: str) -> str:
    """A script in Python; `tried(way)` says OPEN where `way()` returns, CLOSED where it fails."""
    return _PYTHON.format(body=body)


def syscall(number: int | None, arguments: str = "") -> str:
    """A script that makes one system call: open where the call reaches the kernel's own code, even
    if that then finds fault with the arguments."""
    return python(f"""
libc = ctypes.CDLL(None, use_errno=True)
buffer = ctypes.create_string_buffer(4096)
result = libc.syscall(ctypes.c_long({number}){", " + arguments if arguments else ""})
name = "success" if result >= 0 else errno.errorcode.get(ctypes.get_errno(), "?")
refused = name in ("EPERM", "ENOSYS", "EACCES")
print("CLOSED" if refused else "OPEN", name)
""")

"""What a box may use, and which driver makes it. Not where boxes live: see `pool.py`."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class SandboxConfig(BaseModel):
    """The limits of one box."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    driver: Literal["auto", "bubblewrap", "local"] = "auto"
    """`auto` is bubblewrap, and a MachineError where it is refused; `local` isolates nothing
    (started by root, its commands run as a throw-away user)."""
    seconds: float = Field(default=10.0, gt=0)
    """Wall-clock limit of one command. Raise for goals that build or test software."""
    memory_mb: int = Field(default=1024, ge=32)
    """Address space of each process, and private memory of all of them together, in MiB."""
    processes: int = Field(default=64, ge=4)
    """Processes and threads that may exist at once."""
    disk_mb: int = Field(default=64, ge=1)
    """Workspace changes, /tmp and /dev/shm together, in MiB. Also the largest file."""
    inodes: int = Field(default=16384, ge=64)
    """Files and directories that may be created in all."""
    output_kb: int = Field(default=64, ge=1)
    """Output kept of one command, in KiB; the rest is dropped and `truncated` is set."""
    sockets: bool = False
    """True lets commands make sockets (a goal that runs a server on its own loopback)."""

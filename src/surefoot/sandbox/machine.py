"""What this machine allows a sandbox: the driver found, or the refusal and what to type."""

import asyncio
import os
import platform
from concurrent.futures import ThreadPoolExecutor
from typing import Literal

from surefoot.records import Record
from surefoot.records.errors import MachineError, SandboxFault
from surefoot.sandbox.config import SandboxConfig
from surefoot.sandbox.launcher import bubblewrap_version
from surefoot.sandbox.pool import Sandboxes
from surefoot.sandbox.refusal import in_container


class SandboxReport(Record):
    """What was found. `driver` is None where isolation is refused; `refusal` then says why and
    what to type. `workspace` is how a workspace over a base is made (overlay or copy)."""

    driver: Literal["bubblewrap", "local"] | None
    refusal: str = ""
    bubblewrap: str | None
    workspace: Literal["overlay", "copy"] | None
    started_as: Literal["root", "user"]
    container: bool
    kernel: str


def probe_sandbox(config: SandboxConfig | None = None) -> SandboxReport:
    """Starts a trial box and reports. Also callable while an event loop runs (it uses its own)."""
    wanted = SandboxConfig() if config is None else config
    with ThreadPoolExecutor(1) as thread:
        workspace, refusal = thread.submit(lambda: asyncio.run(_try(wanted))).result()
    version = bubblewrap_version()
    driver = "local" if wanted.driver == "local" else "bubblewrap"
    return SandboxReport.model_validate(
        {
            "driver": None if refusal else driver,
            "refusal": refusal,
            "bubblewrap": None if version is None else ".".join(map(str, version)),
            "workspace": workspace,
            "started_as": "root" if os.geteuid() == 0 else "user",
            "container": in_container(),
            "kernel": platform.release(),
        }
    )


async def _try(config: SandboxConfig) -> tuple[str | None, str]:
    sandboxes = Sandboxes(config)
    try:
        await sandboxes.start()
    except (MachineError, SandboxFault) as error:
        return None, str(error)
    kind = sandboxes.workspace_kind
    await sandboxes.close()
    return kind, ""

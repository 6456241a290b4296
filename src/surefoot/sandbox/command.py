"""Runs one command in a box, as an agent would: what `surefoot sandbox run` does."""

import asyncio
import shlex
import sys
from pathlib import Path

from surefoot.records.errors import MachineError, SandboxFault
from surefoot.sandbox.config import SandboxConfig
from surefoot.sandbox.pool import Sandboxes

SANDBOX_FAILED = 125
"""The status where the sandbox itself failed, and not the command in it."""
_SIGNS = {"created": "+", "modified": "~", "deleted": "-"}


def run_command(
    command: list[str], workspace: Path | None = None, config: SandboxConfig | None = None
) -> int:
    """Runs `command` over a copy-on-write view of `workspace`, which never changes.

    Its output goes to standard output once it has ended (cut at the limit); what it changed in the
    workspace goes to standard error.

    Returns:
        The command's status, 124 where its time ran out, 125 where the sandbox itself failed.
    """
    wanted = SandboxConfig() if config is None else config
    try:
        return asyncio.run(_run(shlex.join(command), workspace, wanted))
    except (MachineError, SandboxFault) as error:
        print(f"surefoot: {error}", file=sys.stderr)
        return SANDBOX_FAILED


async def _run(command: str, workspace: Path | None, config: SandboxConfig) -> int:
    async with Sandboxes(config) as sandboxes:
        box = sandboxes.create()
        await box.start(workspace)
        ran = await box.exec(command)
        changed = await box.close()
    sys.stdout.buffer.write(ran.output.encode())
    sys.stdout.flush()
    if ran.truncated:
        print(f"surefoot: output cut at {config.output_kb} KiB", file=sys.stderr)
    for effect in changed:
        size = "" if effect.size is None else f" ({effect.size} bytes)"
        print(f"surefoot: {_SIGNS[effect.kind]} {effect.path}{size}", file=sys.stderr)
    return ran.status

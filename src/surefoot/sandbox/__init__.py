"""The box in which an episode's commands run: one box, one disk, one persistent shell an episode.

Not the policy's rules of conduct, and no network: a box sees a read-only system, its workspace, and
nothing of the host. `Sandboxes` makes them, `ScriptedSandbox` stands in for one in tests.

The room has three parts of some thousand lines: the owner's side here, `launch/` (the small
process, standard library only) and `escape/` (the probes).

    Sandboxes --orders--> launcher (small process) --fork--> bubblewrap -> bash
       Box    <--------- socket and pipe: commands, output -----------------'
"""

from surefoot.sandbox.box import Box
from surefoot.sandbox.command import run_command
from surefoot.sandbox.config import SandboxConfig
from surefoot.sandbox.machine import SandboxReport, probe_sandbox
from surefoot.sandbox.pool import Sandboxes
from surefoot.sandbox.scripted import ScriptedSandbox

__all__ = [
    "Box",
    "SandboxConfig",
    "SandboxReport",
    "Sandboxes",
    "ScriptedSandbox",
    "probe_sandbox",
    "run_command",
]

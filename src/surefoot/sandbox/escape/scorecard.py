"""Runs every probe and keeps the score."""

from collections.abc import Sequence

from surefoot.records import Record
from surefoot.records.errors import SandboxFault
from surefoot.sandbox.box import Box
from surefoot.sandbox.config import SandboxConfig
from surefoot.sandbox.escape.hosted import HOSTED
from surefoot.sandbox.escape.probe import GROUPS, Finding, Group, Probe, Trial
from surefoot.sandbox.escape.scene import Scene, scene
from surefoot.sandbox.escape.system import SCRIPTED
from surefoot.sandbox.pool import Sandboxes

PROBES: tuple[Probe, ...] = tuple(
    sorted(SCRIPTED + HOSTED, key=lambda probe: GROUPS.index(probe.group))
)
_SMALL = {"memory_mb": 128, "disk_mb": 8, "inodes": 2000, "processes": 24, "output_kb": 64}
"""Limits of the boxes that are probed: small, so that reaching one costs the host little."""


class Score(Record):
    """One probe's result. A probe that could not be tried is not closed."""

    name: str
    group: Group
    description: str
    closed: bool
    evidence: str


class Scorecard(Record):
    """All results, in the order of PROBES."""

    driver: str
    workspace: str
    scores: tuple[Score, ...]

    @property
    def closed(self) -> int:
        """How many ways out are closed."""
        return sum(score.closed for score in self.scores)

    @property
    def open(self) -> tuple[Score, ...]:
        """The ways out that are open."""
        return tuple(score for score in self.scores if not score.closed)


async def scorecard(
    config: SandboxConfig | None = None, probes: Sequence[Probe] = PROBES
) -> Scorecard:
    """Tries every way out of a box of this machine (about five seconds).

    Raises:
        MachineError: no box can be made here.
    """
    wanted = SandboxConfig() if config is None else config
    small = wanted.model_copy(update=_SMALL)
    async with Sandboxes(small) as sandboxes, scene(sandboxes.create()) as planted:
        shared = sandboxes.create()
        await shared.start(planted.base)
        scores = [await _score(probe, sandboxes, planted, shared) for probe in probes]
    return Scorecard(
        driver="local" if wanted.driver == "local" else "bubblewrap",
        workspace=sandboxes.workspace_kind,
        scores=tuple(scores),
    )


async def _score(probe: Probe, sandboxes: Sandboxes, planted: Scene, shared: Box) -> Score:
    box = sandboxes.create() if probe.alone else shared
    try:
        if probe.alone:
            await box.start(planted.base)
        found = await probe.act(Trial(planted, box, sandboxes.config))
    except SandboxFault as fault:
        found = Finding("broken", str(fault))
    finally:
        if probe.alone:
            await box.close()
    return Score(
        name=probe.name,
        group=probe.group,
        description=probe.description,
        closed=found.verdict == "closed",
        evidence=found.evidence if found.verdict != "broken" else f"not tried: {found.evidence}",
    )

"""Every probe can fail: it is open on the driver that isolates nothing, or on a box whose host
side is careless too."""

import asyncio
import contextlib
import os
import signal
import subprocess
from pathlib import Path

import pytest

from surefoot.joints import Ran
from surefoot.sandbox import SandboxConfig
from surefoot.sandbox.escape import GROUPS, PROBES, scorecard
from surefoot.sandbox.escape.probe import Trial
from surefoot.sandbox.escape.scene import scene

CANNOT_BE_OPEN_HERE = {
    "root of pid 1": "some machines keep their first process's root from root itself",
    "terminal": "a test has no terminal, and newer kernels refuse it altogether",
    "module": "a kernel without modules",
    "system request": "a kernel without the file",
    "mount": "the local driver has no namespace whose mounts could be left",
}


class Careless:
    """A box without any limit, whose host side follows links and shares the base."""

    async def start(self, base: Path | None = None) -> None:
        assert base is not None
        self._root = base
        self._sessions: list[int] = []

    async def exec(self, command: str, *, seconds: float | None = None) -> Ran:
        leaked = os.open("/proc/self/ns/mnt", os.O_RDONLY)
        most = "2" if seconds is not None and seconds < 1 else "30"
        words = ["timeout", "-s", "KILL", most, "bash", "-c", command]
        with subprocess.Popen(
            words,
            cwd=self._root,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            pass_fds=[leaked],
            start_new_session=True,
        ) as process:
            os.close(leaked)
            self._sessions.append(process.pid)
            output, _ = await asyncio.to_thread(process.communicate)
        return Ran(process.returncode, output.decode(errors="replace"))

    async def read(self, path: str) -> bytes:
        return await asyncio.to_thread((self._root / path).read_bytes)

    async def write(self, path: str, content: bytes) -> None:
        (self._root / path).write_bytes(content)

    async def close(self):
        for session in self._sessions:
            self._end(session)
        return ()

    def _end(self, session: int) -> None:
        for folder in Path("/proc").iterdir():
            with contextlib.suppress(OSError, ValueError):
                fields = (folder / "stat").read_text().rpartition(")")[2].split()
                if int(fields[3]) == session:
                    os.kill(int(folder.name), signal.SIGKILL)


def test_there_are_enough_probes_in_every_group_with_names_of_their_own():
    assert len(PROBES) >= 40
    assert {probe.group for probe in PROBES} == set(GROUPS)
    names = [(probe.group, probe.name) for probe in PROBES]
    assert len(set(names)) == len(names)
    assert [GROUPS.index(probe.group) for probe in PROBES] == sorted(
        GROUPS.index(probe.group) for probe in PROBES
    )


@pytest.fixture(scope="module")
def local_card():
    return asyncio.run(scorecard(SandboxConfig(driver="local")))


def test_most_ways_out_are_open_on_the_local_driver(local_card):
    assert len(local_card.open) > 0.5 * len(local_card.scores)
    assert not [score for score in local_card.open if score.evidence.startswith("not tried")]


async def test_the_others_are_open_on_a_careless_box(local_card):
    closed = {(score.group, score.name) for score in local_card.scores if score.closed}
    left = [probe for probe in PROBES if (probe.group, probe.name) in closed]
    limits = SandboxConfig(memory_mb=128, disk_mb=8, inodes=2000, processes=24)
    still_closed = {}
    neighbour = Careless()
    async with scene(neighbour) as planted:
        box = Careless()
        await box.start(planted.base)
        for probe in left:
            if probe.name in CANNOT_BE_OPEN_HERE:
                continue
            found = await probe.act(Trial(planted, box, limits))
            if found.verdict != "open":
                still_closed[probe.name] = found.evidence
            if probe.name == "pipe":  # lets the reader go that waits on it
                (planted.base / "pipe").write_bytes(b"")
        await box.close()
    if os.geteuid() != 0:
        allowed = {p.name for p in PROBES if p.group in ("files", "processes", "kernel", "network")}
        still_closed = {n: e for n, e in still_closed.items() if n not in allowed}
    assert still_closed == {}

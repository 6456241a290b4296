"""Every probe can fail: it is open on the driver that isolates nothing, on a box whose host side is
careless too, or, where only root could open it, to root in a host made for the test.

No command here is the machine's root: the first two are an ordinary user (a throw-away one where
the tests are started by root); the last is root in a bubblewrap whose every writable file is false.
"""

import asyncio
import contextlib
import os
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from surefoot.joints import Ran
from surefoot.sandbox import SandboxConfig
from surefoot.sandbox.escape import GROUPS, PROBES, scorecard
from surefoot.sandbox.escape.probe import Probe, Trial
from surefoot.sandbox.escape.scene import scene
from surefoot.sandbox.launch import bwrap
from surefoot.sandbox.refusal import missing

ROOT = os.geteuid() == 0
NOBODY = 29999
CANNOT_BE_OPEN_HERE = {
    "root of pid 1": "some machines keep their first process's root from root itself",
    "terminal": "a test has no terminal, and newer kernels refuse it altogether",
    "module": "a kernel without modules",
    "system request": "a kernel without the file",
    "mount": "no driver without namespaces makes a mount that could be left",
}
LIMITS = SandboxConfig(memory_mb=128, disk_mb=8, inodes=2000, processes=24)


class Careless:
    """A box without any limit, whose host side follows links and shares the base. Its commands are
    an ordinary user's."""

    async def start(self, base: Path | None = None) -> None:
        assert base is not None
        self._root = base
        self._sessions: list[int] = []
        self._prepare()

    def _prepare(self) -> None:
        if ROOT:
            for path in (self._root, *self._root.rglob("*")):
                os.chown(path, NOBODY, NOBODY)

    def _words(self) -> list[str]:
        if not ROOT:
            return []
        return ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]

    async def exec(self, command: str, *, seconds: float | None = None) -> Ran:
        leaked = os.open("/proc/self/ns/mnt", os.O_RDONLY)
        most = "2" if seconds is not None and seconds < 1 else "30"
        words = [*self._words(), "timeout", "-s", "KILL", most, "bash", "-c", command]
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


class FalseHost(Careless):
    """Root with every right, on a host whose files are bubblewrap's own or bound read-only:
    programs stand in /programs, so that /usr/bin may be an empty folder that root writes to."""

    def _prepare(self) -> None:
        self._false = self._root.parent / "false"
        self._false.mkdir(exist_ok=True)
        (self._false / "file").write_text("x\n")
        (self._false / "home").mkdir(exist_ok=True)
        (self._false / "home" / "file").write_text("x\n")

    def _words(self) -> list[str]:
        file = str(self._false / "file")
        inner = [path for path in Path("/usr").iterdir() if path.name != "bin" and path.is_dir()]
        words = ["bwrap", "--cap-add", "ALL", "--ro-bind", "/usr/bin", "/programs"]
        for path in inner:
            words += ["--ro-bind", str(path), str(path)]
        for name in ("lib", "lib64"):
            words += ["--symlink", f"usr/{name}", f"/{name}"]
        words += ["--symlink", "programs", "/bin", "--dir", "/usr/bin", "--tmpfs", "/tmp"]
        words += ["--dev", "/dev", "--dev-bind", "/dev/null", "/dev/vda"]
        words += ["--bind", "/proc", "/proc"]
        for setting in ("/proc/sys/kernel/core_pattern", "/proc/sysrq-trigger"):
            if Path(setting).exists():
                words += ["--bind", file, setting]
        for name in ("/etc/passwd", "/etc/shadow"):
            words += ["--bind", file, name]
        words += ["--ro-bind", str(self._false / "home"), "/root"]
        folder = str(self._root.parent)
        words += ["--bind", folder, folder, "--chdir", str(self._root)]
        return [*words, "--clearenv", "--setenv", "PATH", "/programs", "--"]


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


def test_the_local_driver_leaves_many_ways_open(local_card):
    assert len(local_card.open) > 0.3 * len(local_card.scores)
    assert not [score for score in local_card.open if score.evidence.startswith("not tried")]


async def still_closed(box: Careless, probes: Sequence[Probe]) -> dict[str, str]:
    """The probes that are not open on `box`, with what they saw."""
    found: dict[str, str] = {}
    async with scene(type(box)()) as planted:
        await box.start(planted.base)
        for probe in probes:
            finding = await probe.act(Trial(planted, box, LIMITS))
            if finding.verdict != "open":
                found[probe.name] = finding.evidence
            if probe.name == "pipe":  # lets the reader go that waits on it
                (planted.base / "pipe").write_bytes(b"")
        await box.close()
    return found


async def test_the_others_are_open_on_a_careless_box_or_to_root(local_card):
    closed = {(score.group, score.name) for score in local_card.scores if score.closed}
    left = [probe for probe in PROBES if (probe.group, probe.name) in closed]
    left = [probe for probe in left if probe.name not in CANNOT_BE_OPEN_HERE]
    found = await still_closed(Careless(), left)
    if ROOT:
        if bwrap.find() is None:
            pytest.skip(str(missing()))
        found = await still_closed(FalseHost(), [probe for probe in left if probe.name in found])
    else:  # what only root may do
        groups = ("files", "processes", "kernel", "network")
        allowed = {probe.name for probe in left if probe.group in groups}
        found = {name: seen for name, seen in found.items() if name not in allowed}
    assert found == {}

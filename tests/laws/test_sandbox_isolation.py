"""Laws of the box: nothing outlives it, it reaches nothing outside, links lead nowhere."""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import pytest_asyncio

from surefoot.sandbox import SandboxConfig, Sandboxes, probe_sandbox
from surefoot.sandbox.escape import scorecard

pytestmark = pytest.mark.sandbox
SMALL = SandboxConfig(seconds=5, memory_mb=256, disk_mb=8, inodes=1000, processes=24)
REFUSAL = probe_sandbox().refusal
DAEMON = "(setsid nohup sh -c 'sleep 300; :' {mark} >/dev/null 2>&1 &); sleep 0.1"


@pytest_asyncio.fixture
async def sandboxes():
    if REFUSAL:
        pytest.skip(REFUSAL)
    async with Sandboxes(SMALL) as made:
        yield made


def with_argument(mark: str) -> list[int]:
    found = []
    for folder in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            if folder.name.isdigit() and mark.encode() in (folder / "cmdline").read_bytes():
                found.append(int(folder.name))
    return found


def gone_within(mark: str, seconds: float) -> bool:
    end = time.monotonic() + seconds
    while with_argument(mark):
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
    return True


async def test_no_process_survives_close(sandboxes):
    box = sandboxes.create()
    await box.start()
    await box.exec(DAEMON.format(mark="surefoot-test-close"))
    assert with_argument("surefoot-test-close")
    await box.close()
    assert not with_argument("surefoot-test-close")


OWNER = """
import asyncio, sys, time
from surefoot.sandbox import Sandboxes
async def main():
    sandboxes = Sandboxes()
    await sandboxes.start()
    box = sandboxes.create()
    await box.start()
    await box.exec(sys.argv[1])
    print("ready", flush=True)
    await asyncio.sleep(300)
asyncio.run(main())
"""


def test_nothing_survives_an_owner_that_is_killed():
    if REFUSAL:
        pytest.skip(REFUSAL)
    mounts = Path("/proc/self/mounts").read_text()
    words = [sys.executable, "-c", OWNER, DAEMON.format(mark="surefoot-test-owner")]
    with subprocess.Popen(words, stdout=subprocess.PIPE) as owner:
        assert owner.stdout is not None
        assert owner.stdout.readline() == b"ready\n"
        mine = [p for p in with_argument("surefoot-test-owner") if p != owner.pid]
        assert mine
        children = Path(f"/proc/{owner.pid}/task/{owner.pid}/children").read_text().split()
        os.kill(owner.pid, signal.SIGKILL)
    assert len(children) == 1
    launcher = Path("/proc", children[0], "cmdline")
    assert gone_within("surefoot-test-owner", 5)
    end = time.monotonic() + 5
    while launcher.exists() and launcher.read_bytes() and time.monotonic() < end:
        time.sleep(0.05)
    assert not launcher.exists() or not launcher.read_bytes()
    assert Path("/proc/self/mounts").read_text() == mounts


async def test_two_boxes_cannot_see_or_signal_each_other(sandboxes):
    one, two = sandboxes.create(), sandboxes.create()
    await asyncio.gather(one.start(), two.start())
    await one.exec(
        "(sh -c 'sleep 60; :' visible &) >/dev/null 2>&1; echo mine >/tmp/mine;"
        "until grep -aq v[i]sible /proc/[0-9]*/cmdline; do sleep 0.02; done"
    )
    seen = await two.exec("cat /proc/[0-9]*/cmdline | tr '\\0' ' '; cat /tmp/mine")
    assert "visible" not in seen.output.replace("cat", "")
    assert "mine" not in seen.output.replace("/tmp/mine", "")
    await two.exec("kill -9 -1")
    assert "visible" in (await one.exec("cat /proc/[0-9]*/cmdline")).output
    assert one._disk.identity is None or one._disk.identity != two._disk.identity


async def test_two_owners_share_no_uid():
    if REFUSAL:
        pytest.skip(REFUSAL)
    if os.geteuid() != 0:
        pytest.skip("an ordinary user has one uid for all its boxes")
    async with Sandboxes(SMALL) as one, Sandboxes(SMALL) as two:
        boxes = [s.create() for s in (one, two, one, two)]
        await asyncio.gather(*(box.start() for box in boxes))
        assert len({box._disk.identity.uid for box in boxes}) == 4
        for box in boxes:
            await box.close()


async def test_the_host_follows_no_link_of_the_agent(sandboxes, tmp_path):
    tmp_path.chmod(0o777)
    (tmp_path / "secret").write_text("secret")
    box = sandboxes.create()
    await box.start()
    await box.exec(
        f"ln -s {tmp_path}/secret file; ln -s {tmp_path} folder; mkfifo pipe; mkdir real;"
        "ln -s real alias; echo x >real/x; ln -s ../../etc up; ln -s /proc/self/root root"
    )
    for path in ("file", "folder/secret", "pipe", "alias/x", "up/passwd", "root/etc/passwd"):
        with pytest.raises(PermissionError):
            await box.read(path)
        with pytest.raises(PermissionError):
            await box.write(path, b"x")
    for path in ("../x", "/etc/passwd", "real/../../x"):
        with pytest.raises(PermissionError):
            await box.read(path)
    assert (tmp_path / "secret").read_text() == "secret"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["secret"]
    await box.close()


async def test_a_path_that_turns_into_a_link_all_the_time_never_leads_out(sandboxes, tmp_path):
    tmp_path.chmod(0o777)
    (tmp_path / "x").write_text("secret")
    box = sandboxes.create()
    await box.start()
    await box.write("swap.py", SWAP.format(target=tmp_path).encode())
    await box.exec("python3 swap.py >swap.log 2>&1 &")
    good = {"path/x": 0, "leaf": 0}
    began = time.monotonic()
    while time.monotonic() < began + 1.5 or (
        not all(good.values()) and time.monotonic() < began + 30
    ):
        for path in good:
            with contextlib.suppress(FileNotFoundError, PermissionError):
                assert await box.read(path) in (b"good", b"")
                good[path] += 1
        with contextlib.suppress(PermissionError):
            await box.write("leaf", b"good")
        await asyncio.sleep(0)
    assert all(good.values()), await box.read("swap.log")
    assert [(p.name, p.read_text()) for p in tmp_path.iterdir()] == [("x", "secret")]
    await box.close()


SWAP = """
import os
os.mkdir("real")
open("real/x", "w").write("good")
os.symlink("{target}", "link")
while True:
    for name in ("real", "link"):
        os.rename(name, "path")
        os.rename("path", name)
    os.symlink("{target}/x", "l")
    os.rename("l", "leaf")
    open("f", "w").write("good")
    os.rename("f", "leaf")
"""


async def test_the_base_never_changes(sandboxes, tmp_path):
    tmp_path.chmod(0o755)
    (tmp_path / "sub").mkdir()
    (tmp_path / "a").write_text("a")
    (tmp_path / "sub" / "b").write_text("b")
    before = {p: (p.stat().st_mode, p.stat().st_mtime_ns) for p in tmp_path.rglob("*")}
    box = sandboxes.create()
    await box.start(tmp_path)
    ran = await box.exec("echo x >>a; rm sub/b; chmod 700 sub; mv a c; touch d; ls")
    assert ran.output.split() == ["c", "d", "sub"]
    await box.write("sub/b", b"again")
    await box.close()
    assert {p: (p.stat().st_mode, p.stat().st_mtime_ns) for p in tmp_path.rglob("*")} == before
    assert (tmp_path / "a").read_text() == "a"
    assert (tmp_path / "sub" / "b").read_text() == "b"


async def test_no_descriptor_of_the_launcher_reaches_the_box(sandboxes):
    boxes = [sandboxes.create() for _ in range(3)]
    for box in boxes:
        await box.start()
    for box in boxes:
        child = (
            await box.exec("python3 -c 'import os; print(os.listdir(\"/proc/self/fd\"))'")
        ).output
        assert child == "['0', '1', '2', '3']\n"  # 3 is the listing itself
        shell = (await box.exec("for f in /proc/$$/fd/*; do readlink $f; done")).output.split()
        assert sum(name.startswith("socket:") for name in shell) == 1
        assert all(name.startswith(("socket:", "pipe:", "/dev/null", "/proc/")) for name in shell)


async def test_every_way_out_is_closed():
    if REFUSAL:
        pytest.skip(REFUSAL)
    card = await scorecard()
    assert len(card.scores) >= 40
    uncapped = {"workspace", "temporary files", "shared memory", "inodes"}
    allowed = uncapped if card.workspace == "copy" else set()
    assert [(s.name, s.evidence) for s in card.open if s.name not in allowed] == []

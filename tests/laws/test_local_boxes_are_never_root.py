"""The driver that isolates nothing keeps root out: started by root, its commands are somebody else.

Nothing here would do harm if it succeeded: one folder is listed, one empty file is made.
"""

import os
import tempfile
from pathlib import Path

import pytest
import pytest_asyncio

from surefoot.records.errors import SandboxFault
from surefoot.sandbox import SandboxConfig, Sandboxes

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root could lend its rights")
LIMITS = SandboxConfig(driver="local", memory_mb=256, processes=16, disk_mb=8)


@pytest_asyncio.fixture
async def box():
    async with Sandboxes(LIMITS) as sandboxes:
        made = sandboxes.create()
        await made.start()
        yield made
        await made.close()


async def test_a_command_has_neither_roots_uid_nor_its_groups(box):
    found = await box.exec("id -u; id -g; id -G; grep -E 'CapEff|NoNewPrivs' /proc/self/status")
    uid, gid, groups, effective, kept = found.output.splitlines()
    assert int(uid) >= 20000
    assert uid == gid == groups
    assert int(effective.split()[1], 16) == 0
    assert kept.split()[1] == "1"


async def test_what_only_root_may_read_or_write_stays_so(box):
    assert (await box.exec("id -u")).output.strip() != "0"
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        secret = folder / "secret"
        secret.write_text("hidden")
        secret.chmod(0o600)
        ran = await box.exec(f"cat {secret}")
        assert ran.status != 0
        assert "hidden" not in ran.output
        assert (await box.exec(f"touch {folder}/made")).status != 0
        assert not (folder / "made").exists()
    ran = await box.exec("touch /surefoot-law")
    Path("/surefoot-law").unlink(missing_ok=True)
    assert ran.status != 0


async def test_the_workspace_is_the_commands_own_and_the_surroundings_are_clean(box):
    await box.write("notes/a", b"1\n")
    ran = await box.exec("cat notes/a; echo 2 >>notes/a; stat -c %u . notes notes/a; id -u; env")
    lines = ran.output.splitlines()
    assert lines[:4] == ["1"] + [lines[4]] * 3
    names = {line.partition("=")[0] for line in lines[5:]}
    assert {"HOME", "PATH"} <= names
    assert not names & {"VIRTUAL_ENV", "PYTHONPATH", "LOGIN"}
    assert len(names) < 16
    assert await box.read("notes/a") == b"1\n2\n"
    assert (await box.exec("python3 -I -S -c 'import sqlite3, os; print(os.getuid())'")).status == 0


async def test_another_local_box_cannot_look_in():
    async with Sandboxes(LIMITS) as sandboxes:
        one, two = sandboxes.create(), sandboxes.create()
        await one.start()
        await two.start()
        await one.write("x", b"1")
        place = (await one.exec("pwd")).output.strip()
        assert (await two.exec(f"cat {place}/x")).status != 0
        assert (await one.exec("id -u")).output != (await two.exec("id -u")).output


async def test_nothing_of_a_local_box_outlives_its_command_or_its_close(box):
    uid = int((await box.exec("id -u")).output)
    late = await box.exec("setsid sleep 600 & setsid sleep 600 & wait", seconds=0.3)
    assert late.timed_out
    assert processes_of(uid) == []
    await box.exec("(setsid sleep 600 &); (setsid sleep 600 &)")
    assert len(processes_of(uid)) == 3
    await box.close()
    assert processes_of(uid) == []


def processes_of(uid: int) -> list[int]:
    """Live processes and zombies of a uid."""
    found: list[int] = []
    for status in Path("/proc").glob("[0-9]*/status"):
        try:
            lines = status.read_text().splitlines()
        except OSError:
            continue
        if f"Uid:\t{uid}\t" in "\n".join(lines):
            found.append(int(status.parent.name))
    return found


async def test_processes_are_counted_for_each_local_box(box):
    ran = await box.exec("for i in $(seq 30); do sleep 9 & done; echo end", seconds=2)
    assert "Resource temporarily unavailable" in ran.output or ran.status != 0


async def test_a_folder_that_a_throw_away_user_cannot_enter_is_named(tmp_path, monkeypatch):
    shut = tmp_path / "shut"
    shut.mkdir(mode=0o700)
    monkeypatch.setenv("TMPDIR", str(shut))
    with pytest.raises(SandboxFault, match="set TMPDIR"):
        await Sandboxes(LIMITS).start()
    assert list(shut.iterdir()) == []

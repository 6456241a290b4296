import asyncio
import os

import pytest

from surefoot.joints import Ran
from surefoot.records import Effect
from surefoot.records.errors import MachineError, SandboxFault
from surefoot.sandbox import SandboxConfig, Sandboxes
from surefoot.sandbox import pool as pool_module

pytestmark = pytest.mark.sandbox


async def test_directory_variables_and_status_last(box):
    assert await box.exec("mkdir d; cd d; x=5; f() { echo called; }") == Ran(0, "")
    assert await box.exec("pwd; echo $x; f") == Ran(0, "/workspace/d\n5\ncalled\n")
    assert (await box.exec("(exit 7)")).status == 7
    assert await box.exec("echo $?") == Ran(0, "7\n")
    assert await box.exec("echo $?") == Ran(0, "0\n")


async def test_output_holds_both_streams_in_order(box):
    ran = await box.exec("echo one; echo two >&2; echo three; printf end")
    assert ran.output == "one\ntwo\nthree\nend"


async def test_a_command_has_an_empty_standard_input(box):
    assert await box.exec("cat; read x; echo $?") == Ran(0, "1\n")
    assert await box.exec("cat <<E\nhere\nE") == Ran(0, "here\n")


async def test_commands_of_any_bytes_and_length(box):
    text = "ä'\"\\$`\n\t" * 5000
    quoted = text.replace("'", "'\\''")
    ran = await box.exec(f"printf %s '{quoted}' | wc -c")
    assert int(ran.output) == len(text.encode())
    assert (await box.exec("printf '\\xff\\xfe'")).output == "��"


async def test_leaving_the_shell_starts_another_on_the_same_disk(box):
    ran = await box.exec("x=1; echo kept >file; cd /tmp; echo out; exit 3")
    assert ran.status == 3
    assert ran.output.startswith("out\nsurefoot: the shell ended with status 3; a new shell")
    assert await box.exec("echo ${x-unset}; pwd; cat file") == Ran(0, "unset\n/workspace\nkept\n")


async def test_a_background_job_does_not_hold_the_command(box):
    ran = await box.exec("sleep 50 & echo started")
    assert ran == Ran(0, "started\n")
    assert (await box.exec("jobs | grep -c sleep")).output == "1\n"


async def test_a_cancelled_command_does_not_answer_the_next(box):
    task = asyncio.create_task(box.exec("sleep 0.3; echo late"))
    await asyncio.sleep(0.1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await asyncio.sleep(0.4)
    assert await box.exec("echo next") == Ran(0, "next\n")


async def test_commands_of_one_box_wait_for_each_other(box):
    ran = await asyncio.gather(*(box.exec(f"sleep 0.01; echo {i}") for i in range(5)))
    assert [one.output for one in ran] == [f"{i}\n" for i in range(5)]


async def test_programs_that_goals_need_are_there(box):
    script = "python3 -c 'import sqlite3, json; print(sqlite3.connect(\":memory:\").total_changes)'"
    assert await box.exec(script) == Ran(0, "0\n")
    ran = await box.exec("echo abc | sed s/b/x/ | grep -o x; sh -c 'echo sh'; sort </dev/null")
    assert ran == Ran(0, "x\nsh\n")


async def test_files_written_by_the_host_belong_to_the_agent(box):
    await box.write("a/b/c.txt", b"one\n")
    assert await box.exec("cat a/b/c.txt; echo two >>a/b/c.txt; rm -r a/b && echo gone") == Ran(
        0, "one\ngone\n"
    )
    await box.exec("echo data >a/d")
    assert await box.read("a/d") == b"data\n"


@pytest.mark.parametrize(
    ("path", "error"),
    [
        ("nothing", FileNotFoundError),
        (".", IsADirectoryError),
        ("", IsADirectoryError),
        ("d", IsADirectoryError),
        ("/etc/passwd", PermissionError),
        ("../x", PermissionError),
        ("f/x", NotADirectoryError),
    ],
)
async def test_paths_that_cannot_be_read(box, path, error):
    await box.exec("mkdir d; touch f")
    with pytest.raises(error):
        await box.read(path)


async def test_a_file_over_the_disk_is_not_read(sandboxes, base):
    (base / "big").write_bytes(bytes(9 << 20))
    box = sandboxes.create()
    await box.start(base)
    with pytest.raises(OSError, match="too large"):
        await box.read("big")


async def test_a_workspace_begins_as_its_base(sandboxes, base):
    box = sandboxes.create()
    await box.start(base)
    assert box.workspace_kind in ("overlay", "copy")
    ran = await box.exec("cat kept.txt sub/deep.txt; echo more >>kept.txt; rm gone.txt; touch new")
    assert ran == Ran(0, "kept\ndeep\n")
    await box.write("sub/made.txt", b"made")
    assert await box.close() == (
        Effect(path="gone.txt", kind="deleted"),
        Effect(path="kept.txt", kind="modified", size=10),
        Effect(path="new", kind="created", size=0),
        Effect(path="sub/made.txt", kind="created", size=4),
    )


CHANGES = {
    "nothing": "cat kept.txt; ls -R",
    "same content": "cp kept.txt x; cat x >kept.txt; rm x; touch gone.txt",
    "same size": "printf 'tpek\\n' >kept.txt",
    "folder gone": "rm -r sub",
    "folder again": "rm -r sub; mkdir sub; echo other >sub/other",
    "folder again, same": "cp -r sub x; rm -r sub; mv x sub",
    "folder moved": "mv sub moved",
    "file becomes folder": "rm kept.txt; mkdir kept.txt; echo x >kept.txt/x",
    "folder becomes file": "rm -r sub; echo x >sub",
    "empty folder": "mkdir empty; rm sub/deep.txt",
    "links": "ln -s /etc/passwd link; ln -s kept.txt other; mkfifo pipe",
    "rights": "mkdir shut; echo x >shut/x; chmod 000 shut kept.txt sub; chmod 000 .",
    "odd names": "touch $'new\\nline' $'\\xff' ' '; mkdir -p a/b/c; touch a/b/c/d",
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
async def test_effects_are_the_same_by_layer_and_by_comparing(sandboxes, base, change):
    async with Sandboxes(SandboxConfig(driver="local")) as others:
        found = []
        for made in (sandboxes.create(), others.create()):
            await made.start(base)
            await made.exec(change)
            found.append(await made.close())
    assert found[0] == found[1]
    assert (found[0] == ()) == (
        change in (CHANGES["nothing"], CHANGES["same content"], CHANGES["folder again, same"])
    )


async def test_what_a_box_is_not_asked_in_order(sandboxes):
    box = sandboxes.create()
    with pytest.raises(SandboxFault, match="not open"):
        await box.exec("echo")
    assert await box.close() == ()
    box = sandboxes.create()
    await box.start()
    with pytest.raises(SandboxFault, match="single use"):
        await box.start()
    await box.write("x", b"1")
    first = await box.close()
    assert await box.close() == first == (Effect(path="x", kind="created", size=1),)
    with pytest.raises(SandboxFault, match="not open"):
        await box.read("x")


async def test_a_base_that_is_missing_or_too_large_is_a_fault(sandboxes, tmp_path):
    box = sandboxes.create()
    with pytest.raises(SandboxFault, match="cannot be opened"):
        await box.start(tmp_path / "missing")
    await box.close()
    (tmp_path / "large").write_bytes(bytes(2 << 20))
    async with Sandboxes(SandboxConfig(driver="local", disk_mb=1)) as small:
        box = small.create()
        with pytest.raises(SandboxFault, match="larger than the box's disk"):
            await box.start(tmp_path)


async def test_a_box_killed_from_outside_is_a_fault(sandboxes):
    box = sandboxes.create()
    await box.start()
    await sandboxes._launcher.close()
    with pytest.raises(SandboxFault):
        await box.exec("echo")
    await box.close()


async def test_sandboxes_that_close_close_their_boxes(require_boxes):
    sandboxes = Sandboxes()
    await sandboxes.start()
    box = sandboxes.create()
    await box.start()
    await sandboxes.close()
    with pytest.raises(SandboxFault):
        await box.exec("echo")
    with pytest.raises(SandboxFault, match="not started"):
        sandboxes.create()


async def test_sockets_are_a_choice(require_boxes):
    make = "python3 -c 'import socket; s = socket.create_server((\"127.0.0.1\", 0)); print(1)'"
    async with Sandboxes(SandboxConfig(sockets=True)) as sandboxes:
        box = sandboxes.create()
        await box.start()
        assert (await box.exec(make)).output == "1\n"
    async with Sandboxes() as sandboxes:
        box = sandboxes.create()
        await box.start()
        assert "PermissionError" in (await box.exec(make)).output


async def test_a_refusal_is_an_error_and_never_the_local_driver(monkeypatch):
    async def refuse(self, *, mounts):
        raise SandboxFault("no namespaces")

    monkeypatch.setattr(pool_module.Sandboxes, "_try", refuse)
    with pytest.raises(MachineError, match="isolates nothing"):
        await Sandboxes().start()


async def test_without_the_right_to_mount_the_workspace_is_a_copy(require_boxes, base):
    sandboxes = Sandboxes(SandboxConfig(processes=24))
    await sandboxes._try(mounts=False)
    box = sandboxes.create()
    await box.start(base)
    assert box.workspace_kind == "copy"
    assert (await box.exec("cat sub/deep.txt; echo x >>kept.txt; rm gone.txt; exit 2")).status == 2
    await box.write("sub/made", b"1")
    assert await box.read("kept.txt") == b"kept\nx\n"
    assert [(effect.kind, effect.path) for effect in await box.close()] == [
        ("deleted", "gone.txt"),
        ("modified", "kept.txt"),
        ("created", "sub/made"),
    ]
    await sandboxes.close()
    assert (base / "kept.txt").read_text() == "kept\n"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has bases of several owners")
async def test_whoever_owns_the_base_its_files_are_the_boxs_own(sandboxes, base):
    for owner in (0, 1234, 0, 4321):
        for path in (base, *base.rglob("*")):
            os.chown(path, owner, owner)
        box = sandboxes.create()
        await box.start(base)
        assert await box.exec("stat -c %u . kept.txt sub/deep.txt | uniq") == Ran(0, "1000\n")
        assert await box.exec("echo more >>kept.txt; rm -r sub") == Ran(0, "")
        assert [effect.path for effect in await box.close()] == ["kept.txt", "sub/deep.txt"]
    assert (base / "kept.txt").stat().st_uid == 4321

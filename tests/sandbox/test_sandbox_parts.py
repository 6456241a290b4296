import struct

import pytest

from surefoot.joints import Ran
from surefoot.records import Effect
from surefoot.records.errors import SandboxFault
from surefoot.sandbox import (
    SandboxConfig,
    ScriptedSandbox,
    probe_sandbox,
    refusal,
    run_command,
)
from surefoot.sandbox.launch import seccomp, slots

ALLOW, KILL, EPERM, ENOSYS = 0x7FFF0000, 0x80000000, 0x00050001, 0x00050026
ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}


def run_filter(program: bytes, architecture: int, number: int, arguments=(0, 0)) -> int:
    """A classic BPF machine with the five instructions that the filter uses."""
    memory = struct.pack("=IIQ6Q", number, architecture, 0, *arguments, 0, 0, 0, 0)
    steps = list(struct.iter_unpack("=HBBI", program))
    at, value = 0, 0
    while True:
        code, then, otherwise, operand = steps[at]
        at += 1
        if code == 0x20:
            (value,) = struct.unpack_from("=I", memory, operand)
        elif code == 0x06:
            return operand
        else:
            holds = {0x15: value == operand, 0x35: value >= operand, 0x45: value & operand}[code]
            at += then if holds else otherwise


@pytest.mark.parametrize("machine", ARCHITECTURES)
def test_the_filter_refuses_what_is_listed_and_allows_the_rest(machine):
    architecture, column = ARCHITECTURES[machine], list(ARCHITECTURES).index(machine)
    program = seccomp.program(machine)
    denied = {n[column] for n in seccomp._DENIED.values()} - {None}
    missing = {n[column] for n in seccomp._MISSING.values()}
    special = {seccomp._SOCKET[column]}
    for number in range(470):
        expected = ENOSYS if number in missing else EPERM if number in denied | special else ALLOW
        assert run_filter(program, architecture, number) == expected, number


@pytest.mark.parametrize("machine", ARCHITECTURES)
def test_the_filter_looks_at_arguments(machine):
    architecture, column = ARCHITECTURES[machine], list(ARCHITECTURES).index(machine)
    program = seccomp.program(machine)
    clone, ioctl = seccomp._CLONE[column], seccomp._IOCTL[column]
    assert run_filter(program, architecture, clone, (0x1200011, 0)) == ALLOW  # fork
    assert run_filter(program, architecture, clone, (0x3D0F00, 0)) == ALLOW  # a thread
    for bit in (0x20000, 0x2000000, 0x4000000, 0x8000000, 0x10000000, 0x20000000, 0x40000000):
        assert run_filter(program, architecture, clone, (bit | 17, 0)) == EPERM
    assert run_filter(program, architecture, ioctl, (0, 0x5401)) == ALLOW
    assert run_filter(program, architecture, ioctl, (0, 0x5412)) == EPERM
    assert run_filter(program, architecture, ioctl, (0, (7 << 32) | 0x5412)) == EPERM


def test_the_filter_kills_foreign_architectures_and_refuses_x32():
    program = seccomp.program("x86_64")
    assert run_filter(program, 0x40000003, 1) == KILL
    assert run_filter(program, ARCHITECTURES["x86_64"], 0x40000000 | 59) == ENOSYS
    assert seccomp.program("riscv64") == b""


def test_sockets_are_the_only_difference_of_their_flag():
    architecture = ARCHITECTURES["x86_64"]
    with_sockets = seccomp.program("x86_64", sockets=True)
    without = seccomp.program("x86_64")
    differ = [
        number
        for number in range(470)
        if run_filter(with_sockets, architecture, number)
        != run_filter(without, architecture, number)
    ]
    assert differ == [41]


def test_two_launchers_never_hold_the_same_uid(tmp_path, monkeypatch):
    monkeypatch.setattr(slots, "FOLDER", tmp_path)
    monkeypatch.setattr(slots, "COUNT", 6)
    one, two = slots.Slots(), slots.Slots()
    held = [one.claim(), two.claim(), one.claim(), two.claim(), one.claim(), two.claim()]
    assert sorted(held) == list(range(20000, 20006))
    with pytest.raises(OSError, match="all 6"):
        one.claim()
    one.free(held[0])
    assert one.claim() == held[0]


def test_a_refusal_names_the_setting_and_what_to_type(tmp_path, monkeypatch):
    (tmp_path / "kernel").mkdir()
    (tmp_path / "kernel" / "apparmor_restrict_unprivileged_userns").write_text("1\n")
    told = refusal.sysctl(tmp_path)
    assert told is not None
    assert "sysctl -w kernel.apparmor_restrict_unprivileged_userns=0" in told
    (tmp_path / "kernel" / "apparmor_restrict_unprivileged_userns").write_text("0\n")
    assert refusal.sysctl(tmp_path) is None
    monkeypatch.setattr(refusal.bwrap, "find", lambda: None)
    assert "bubblewrap is not installed" in refusal.explain("x")
    monkeypatch.setattr(refusal.bwrap, "find", lambda: "/usr/bin/bwrap")
    monkeypatch.setattr(refusal, "sysctl", lambda: None)
    monkeypatch.setattr(refusal, "in_container", lambda: True)
    assert "--security-opt seccomp=unconfined" in refusal.explain("no")
    monkeypatch.setattr(refusal, "in_container", lambda: False)
    assert "(no)" in refusal.explain("no", "no")


def test_the_local_driver_is_found_everywhere_and_says_that_it_isolates_nothing(caplog):
    report = probe_sandbox(SandboxConfig(driver="local"))
    assert (report.driver, report.refusal, report.workspace) == ("local", "", "copy")
    assert "isolates nothing" in caplog.text


def test_a_command_runs_as_an_agent_would(require_boxes, base, capfd):
    words = ["sh", "-c", 'cat kept.txt; echo "$1" >kept.txt; exit 4', "sh", "a b"]
    assert run_command(words, base) == 4
    told = capfd.readouterr()
    assert told.out == "kept\n"
    assert told.err == "surefoot: ~ kept.txt (4 bytes)\n"
    assert (base / "kept.txt").read_text() == "kept\n"


def test_a_sandbox_that_fails_is_status_125(tmp_path, capfd):
    config = SandboxConfig(driver="local")
    assert run_command(["true"], tmp_path / "missing", config) == 125
    assert "cannot be opened" in capfd.readouterr().err


async def test_the_scripted_sandbox_keeps_the_contract(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "b").write_text("old")
    box = ScriptedSandbox({"kept": b"1"}, {"ls": Ran(0, "a\n")})
    with pytest.raises(SandboxFault):
        await box.read("kept")
    await box.start(tmp_path)
    assert await box.exec("ls") == Ran(0, "a\n")
    assert (await box.exec("rm x")).status == 127
    assert box.commands == ["ls", "rm x"]
    assert await box.read("./a/b") == b"old"
    for path, error in {
        "none": FileNotFoundError,
        "a": IsADirectoryError,
        ".": IsADirectoryError,
        "../x": PermissionError,
        "/x": PermissionError,
    }.items():
        with pytest.raises(error):
            await box.read(path)
    with pytest.raises(NotADirectoryError):
        await box.write("a/b/c", b"")
    await box.write("a/b", b"newer")
    await box.write("c", b"")
    del box.files["kept"]
    assert await box.close() == (
        Effect(path="a/b", kind="modified", size=5),
        Effect(path="c", kind="created", size=0),
        Effect(path="kept", kind="deleted"),
    )


async def test_a_scripted_answer_may_change_files():
    def answer(command, files):
        files["made"] = command.encode()
        return Ran(0, "")

    box = ScriptedSandbox(answer=answer)
    await box.start()
    await box.exec("hello")
    assert await box.read("made") == b"hello"

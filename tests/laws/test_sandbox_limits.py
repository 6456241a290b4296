"""Laws of the box: its limits hold, and no command can turn its own failure into a fault."""

import asyncio
import time

import pytest
import pytest_asyncio

from surefoot.sandbox import SandboxConfig, Sandboxes, probe_sandbox

pytestmark = pytest.mark.sandbox
SMALL = SandboxConfig(seconds=5, memory_mb=128, disk_mb=8, inodes=500, processes=24, output_kb=4)
REFUSAL = probe_sandbox().refusal


@pytest_asyncio.fixture
async def box():
    if REFUSAL:
        pytest.skip(REFUSAL)
    async with Sandboxes(SMALL) as sandboxes:
        made = sandboxes.create()
        await made.start()
        yield made
        await made.close()


async def test_disk(box):
    ran = await box.exec("for i in 1 2 3; do head -c 4M /dev/zero >/tmp/$i || echo full; done")
    assert "No space left" in ran.output
    with pytest.raises(OSError, match="No space left"):
        await box.write("more", bytes(1 << 20))
    assert (await box.exec("rm /tmp/*; echo fine")).output == "fine\n"


async def test_inodes(box):
    ran = await box.exec("for i in $(seq 1000); do : >f$i || break; done; ls | wc -l")
    assert 400 < int(ran.output.split()[-1]) < 520


async def test_processes(box):
    ran = await box.exec("for i in $(seq 100); do sleep 9 & done", seconds=1)
    assert "Resource temporarily unavailable" in ran.output
    assert (await box.exec("echo fine")).output == "fine\n"


async def test_a_fork_bomb_ends_with_its_command(box):
    ran = await box.exec("b() { b | b & }; b; sleep 60", seconds=1)
    assert ran.status != 0
    assert (await box.exec("echo fine")).output == "fine\n"


async def test_memory_of_one_process(box):
    ran = await box.exec("python3 -c 'bytearray(200 << 20)'")
    assert "MemoryError" in ran.output
    assert ran.status == 1


async def test_memory_of_all_processes(box):
    hold = "python3 -c \"import time; x = bytearray(b'x') * (70 << 20); time.sleep(60)\""
    ran = await box.exec(f"{hold} & {hold} & {hold} & sleep 60", seconds=20)
    assert ran.status == 137
    assert "memory" in ran.output
    assert (await box.exec("echo fine")).output == "fine\n"


async def test_output_is_cut_and_marked(box):
    ran = await box.exec("head -c 100000 /dev/zero | tr '\\0' x; echo end >&2; exit_status=3")
    assert ran.output == "x" * 4096
    assert ran.truncated
    assert ran.status == 0
    assert (await box.exec("echo $exit_status")).output == "3\n"


async def test_time(box):
    began = time.monotonic()
    ran = await box.exec("trap '' TERM INT; echo before; while :; do :; done", seconds=0.5)
    assert time.monotonic() - began < 4
    assert ran.timed_out
    assert ran.status == 124
    assert ran.output.startswith("before\nsurefoot: stopped")
    assert (await box.exec("echo fine")).output == "fine\n"


ATTACKS = {
    "exit": "exit 3",
    "errexit": "set -e; false",
    "kill shell": "kill -9 $$",
    "kill everything": "kill -9 -1",
    "kill the first process": "kill -9 1; kill -9 1",
    "stop shell": "kill -STOP $$",
    "close input": "exec 0<&-",
    "close all": 'for i in $(seq 0 300); do eval "exec $i>&-"; done',
    "close saved": "exec 10<&- 10>&- 11<&- 11>&-",
    "replace shell": "exec true",
    "replace shell, deaf": "exec sleep 60",
    "no answer": "builtin() { :; }; printf() { :; }",
    "no trailer": "shopt -s extdebug; trap false DEBUG",
    "read the trailer": "while read -t 0.2 -u 10 line; do :; done",
    "write to the host": "echo forged 0 >&10; head -c 1M /dev/zero >&10",
    "flood": "yes",
    "background flood": "yes & sleep 0.2",
    "startup file": "echo 'exit 1' | tee /tmp/.bashrc /tmp/.profile >/tmp/.bash_profile; exit",
    "workspace without rights": "chmod 000 /workspace /tmp /dev/shm; exit",
    "no descriptors": "ulimit -n 3; exit",
    "full disk": "head -c 20M /dev/zero >/tmp/x; head -c 20M /dev/zero >/workspace/x; exit",
    "no processes": "ulimit -u 1; ls; exit",
    "no path": "PATH=; unset PATH; exit",
    "loop of its own": "while :; do read -t 1 x; done",
    "unfinished": "echo 'unfinished",
    "unfinished document": "cat <<E",
    "syntax": ") ) )",
    "readonly": "readonly status _ IFS; declare -r PATH",
    "zero byte": "echo \0x",
    "lone surrogate": "echo '\ud800'",
    "verbose": "set -vx",
    "deep": "i=0; while mkdir d && cd d; do i=$((i+1)); done; exit",
}


async def suffer(sandboxes: Sandboxes, attack: str, *, go_on: bool) -> str:
    box = sandboxes.create()
    await box.start()
    await box.exec(attack, seconds=0.7)
    said = "fine\n"
    if go_on:
        await box.exec("exit", seconds=0.7)
        said = (await box.exec("echo fine", seconds=20)).output
    await box.close()
    return said


@pytest.mark.parametrize("go_on", [True, False], ids=["going on", "closing"])
async def test_no_command_makes_a_fault(go_on):
    if REFUSAL:
        pytest.skip(REFUSAL)
    async with Sandboxes(SMALL) as sandboxes:
        calls = (suffer(sandboxes, attack, go_on=go_on) for attack in ATTACKS.values())
        said = await asyncio.gather(*calls, return_exceptions=True)
    assert dict(zip(ATTACKS, said, strict=True)) == dict.fromkeys(ATTACKS, "fine\n")


async def test_what_a_command_prints_ends_nothing_and_sets_no_status(box):
    loud = (
        "for i in $(seq 50); do echo 0123456789abcdef 0; echo 0123456789abcdef 0 >&2; done; false"
    )
    ran = await box.exec(loud)
    assert ran.status == 1
    assert len(ran.output.splitlines()) == 100


async def test_a_child_has_no_way_to_the_control_socket(box):
    ran = await box.exec("for f in /proc/$$/fd/*; do (echo forged 0 >$f) 2>&1; done; false")
    assert ran.status == 1
    assert (await box.exec("echo fine")).output.endswith("fine\n")

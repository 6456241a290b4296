"""Probes that the host must judge: links, resources, survival and neighbours."""

import asyncio
import os
import signal
from pathlib import Path

from surefoot.sandbox.escape.probe import Act, Finding, Group, Probe, Trial, python, said, token


def _group(group: Group, *rows: tuple[str, str, Act], alone: bool = False) -> tuple[Probe, ...]:
    return tuple(Probe(name=n, group=group, description=d, act=a, alone=alone) for n, d, a in rows)


def _read_through(prepare: str, path: str) -> Act:
    """Open where the host, asked for `path` of the workspace, reads the planted secret."""

    async def act(trial: Trial) -> Finding:
        ran = await trial.box.exec(trial.scene.fill(prepare))
        try:
            content = await asyncio.wait_for(trial.box.read(trial.scene.fill(path)), 2)
        except TimeoutError:
            return Finding("open", "the host waits for ever")
        except OSError as error:
            return Finding("closed", error.strerror or ran.output.strip())
        found = trial.scene.token.encode() in content
        return Finding(
            "open" if found else "closed", "the host read it" if found else "other content"
        )

    return act


async def _write_through(trial: Trial) -> Finding:
    await trial.box.exec(trial.scene.fill("ln -sfn @LANDING@ out"))
    try:
        await trial.box.write("out/through", b"x")
    except OSError as error:
        return Finding("closed", error.strerror or "refused")
    landed = (trial.scene.landing / "through").exists()
    return Finding(
        "open" if landed else "closed", "the host wrote there" if landed else "not there"
    )


async def _base(trial: Trial) -> Finding:
    await trial.box.exec("echo changed >kept.txt; chmod 777 kept.txt; echo new >new.txt")
    kept = trial.scene.base / "kept.txt"
    same = kept.read_text() == "unchanged\n" and not (trial.scene.base / "new.txt").exists()
    return Finding("closed" if same else "open", "the base is as it was" if same else "it changed")


LINKS = _group(
    "links",
    (
        "symbolic link",
        "have the host read a secret through a link",
        _read_through("ln -sfn @SECRET@ link", "link"),
    ),
    (
        "linked folder",
        "have the host read through a linked folder",
        _read_through("ln -sfn / up", "up@SECRET@"),
    ),
    ("link for writing", "have the host write through a linked folder", _write_through),
    (
        "hard link",
        "link a host's file into the workspace",
        _read_through("rm -f hard; ln @SECRET@ hard", "hard"),
    ),
    ("pipe", "have the host wait for ever on a pipe", _read_through("mkfifo pipe", "pipe")),
    ("base", "change the directory that the workspace began as", _base),
)

_FILL = """
import itertools
total = 0
try:
    for number in itertools.count():
        with open(f"{folder}/surefoot-fill-{{number}}", "wb", buffering=0) as file:
            for _ in range({chunks}):
                total += file.write(bytes(1 << 16))
        if total > {most}:
            break
except OSError:
    pass
for number in range(number + 1):
    os.path.exists(name := f"{folder}/surefoot-fill-{{number}}") and os.remove(name)
print("OPEN" if total > {most} else "CLOSED", total >> 10, "KiB written")
"""
_INODES = """
made = 0
try:
    os.mkdir("surefoot-inodes")
    for made in range({most} + 200):
        os.close(os.open(f"surefoot-inodes/{{made}}", os.O_CREAT))
except OSError:
    pass
for name in os.listdir("surefoot-inodes"):
    os.remove("surefoot-inodes/" + name)
print("OPEN" if made > {most} + 16 else "CLOSED", made, "files made")
"""
_FORKS = """
import signal
children = []
try:
    for _ in range({most} * 2):
        child = os.fork()
        if child == 0:
            signal.pause()
        children.append(child)
except OSError:
    pass
for child in children:
    os.kill(child, 9)
    os.waitpid(child, 0)
print("OPEN" if len(children) > {most} else "CLOSED", len(children), "processes")
"""
_SPREAD = """
import time
children, (ready, done) = [], os.pipe()
for _ in range(4):
    child = os.fork()
    if child == 0:
        held = bytearray(b"x") * {share}
        os.write(done, b"x")
        time.sleep(60)
    children.append(child)
os.close(done)
for child in children:
    os.read(ready, 1)
time.sleep(0.7)
alive = sum(os.waitpid(child, os.WNOHANG) == (0, 0) for child in children)
for child in children:
    os.kill(child, 9)
print("OPEN" if alive == 4 else "CLOSED", alive, "of 4 alive")
"""
_RAISE = """
import resource
raised = []
for name in ("RLIMIT_NPROC", "RLIMIT_AS", "RLIMIT_FSIZE"):
    try:
        resource.setrlimit(getattr(resource, name), (resource.RLIM_INFINITY,) * 2)
        raised.append(name)
    except ValueError as error:
        print(error)
print("OPEN" if raised else "CLOSED", *raised or ["none can be raised"])
"""


def _limited(body: str, **where: str) -> Act:
    """A script over the box's limits; a box that was stopped over it is closed."""

    async def act(trial: Trial) -> Finding:
        limits = trial.limits
        amounts = {
            "disk": limits.disk_mb << 20,
            "inodes": limits.inodes,
            "processes": limits.processes,
        }
        most = amounts[where.get("most", "disk")]
        share = int(limits.memory_mb * 0.6) << 20
        folder = where.get("folder", "/tmp")
        filled = body.format(most=most, share=share, folder=folder, chunks=limits.disk_mb * 4)
        ran = await trial.box.exec(python(filled), seconds=20)
        last = (ran.output.strip().splitlines() or ["no output"])[-1]
        if ran.status == 137 and "stopped" in last:
            return Finding("closed", last[:160])
        word, _, evidence = last.partition(" ")
        if word not in ("OPEN", "CLOSED"):
            return Finding("broken", last[:160])
        return Finding("open" if word == "OPEN" else "closed", evidence)

    return act


async def _one_process(trial: Trial) -> Finding:
    size = trial.limits.memory_mb << 20
    return await said(python(f"tried(lambda: bytearray({size}) and 'taken')"))(trial)


async def _time(trial: Trial) -> Finding:
    ran = await trial.box.exec("trap '' TERM INT HUP; while :; do :; done", seconds=0.5)
    return Finding("closed" if ran.timed_out else "open", f"status {ran.status}")


async def _output(trial: Trial) -> Finding:
    ran = await trial.box.exec("head -c 8M /dev/zero | tr '\\0' x")
    kept = len(ran.output) <= (trial.limits.output_kb << 10) + 400
    return Finding("closed" if kept else "open", f"{len(ran.output)} characters kept")


RESOURCES = _group(
    "resources",
    ("workspace", "fill the disk by the workspace", _limited(_FILL, folder=".")),
    ("temporary files", "fill the disk by /tmp", _limited(_FILL, folder="/tmp")),
    ("shared memory", "fill the memory by /dev/shm", _limited(_FILL, folder="/dev/shm")),
    ("inodes", "use up the disk's inodes", _limited(_INODES, most="inodes")),
    ("processes", "start more processes than allowed", _limited(_FORKS, most="processes")),
    ("memory", "take more memory than allowed in one process", _one_process),
    ("memory, spread", "take more memory than allowed over four processes", _limited(_SPREAD)),
    (
        "hidden memory",
        "keep memory in files that no limit counts",
        said(python("tried(lambda: os.memfd_create('x') and 'made')")),
    ),
    ("limits", "raise its own limits", said(python(_RAISE))),
    ("time", "run on past the limit, deaf to signals", _time),
    ("output", "return more output than is kept", _output),
    alone=True,
)

_DAEMON = "(setsid nohup sh -c 'sleep 600; :' @MARK@ >/dev/null 2>&1 &) ; sleep 0.05"


async def _survivor(trial: Trial) -> Finding:
    await trial.box.exec(trial.scene.fill(_DAEMON))
    if not trial.scene.marked():
        return Finding("broken", "the process was not seen on the host while it ran")
    await trial.box.close()
    left = trial.scene.marked()
    await asyncio.to_thread(_sweep, left)
    return Finding("open" if left else "closed", f"{len(left)} processes left")


async def _after_timeout(trial: Trial) -> Finding:
    await trial.box.exec(trial.scene.fill(_DAEMON) + "; sleep 60", seconds=0.5)
    left = trial.scene.marked()
    await asyncio.to_thread(_sweep, left)
    return Finding("open" if left else "closed", f"{len(left)} processes left")


def _sweep(processes: list[int]) -> None:
    for process in processes:
        os.kill(process, signal.SIGKILL)


async def _left_file(trial: Trial) -> Finding:
    name = f"{trial.scene.mark}-left"
    await trial.box.exec(f"echo x | tee /tmp/{name} >/dev/shm/{name}")
    await trial.box.close()
    found = [path for path in (Path("/tmp", name), Path("/dev/shm", name)) if path.exists()]
    for path in found:
        path.unlink()
    return Finding("open" if found else "closed", f"{len(found)} files on the host")


async def _left_mount(trial: Trial) -> Finding:
    await trial.box.exec(":")
    await trial.box.close()
    same = Path("/proc/self/mounts").read_text() == trial.scene.mounts
    return Finding("closed" if same else "open", "no mount left" if same else "mounts changed")


SURVIVAL = _group(
    "survival",
    ("daemon", "leave a process behind when the box is closed", _survivor),
    ("daemon after time out", "leave a process behind when a command is stopped", _after_timeout),
    ("file", "leave a file in the host's /tmp or /dev/shm", _left_file),
    ("mount", "leave a mount on the host", _left_mount),
    alone=True,
)


_SIGNAL = python("""
def way():
    for name in os.listdir("/proc"):
        if name.isdigit() and "@NEXT@" in open(f"/proc/{name}/cmdline").read():
            os.kill(int(name), 0)
            return "a signal would arrive"
    raise OSError(errno.ESRCH, "no such process to be seen")
tried(way)
""")

NEIGHBOURS = _group(
    "neighbours",
    (
        "process",
        "see a process of another box",
        token("cat /proc/[0-9]*/cmdline"),
    ),
    ("signal a neighbour", "signal a process of another box", said(_SIGNAL)),
    (
        "workspace of another",
        "read a file of another box's workspace",
        token("cat /proc/[0-9]*/cwd/planted /tmp/*/files/planted"),
    ),
    (
        "/tmp of another",
        "read a file in another box's /tmp",
        token("cat /tmp/@MARK@ /proc/[0-9]*/root/tmp/@MARK@"),
    ),
    ("shared memory of another", "read another box's /dev/shm", token("cat /dev/shm/@MARK@")),
)

HOSTED = LINKS + RESOURCES + SURVIVAL + NEIGHBOURS

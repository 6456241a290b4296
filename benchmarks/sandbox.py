"""What a box costs: one tool call's round trip, the start of a box, a fresh workspace.

    python benchmarks/sandbox.py [--json] [--repeats N]

A workspace's creation is the time from the order to the made workspace: a small process's fork, a
disk of its own, and the base's files in it. The start of a box is that and its first shell. A life
is start, five commands and close, in processor time of every process but the kernel's own threads.
"""

import argparse
import asyncio
import json
import os
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from surefoot.sandbox import SandboxConfig, Sandboxes, probe_sandbox

FILES = (1, 100, 1000)


async def timed(call: Callable[[], Awaitable[Any]], repeats: int) -> dict[str, float]:
    """Median and 95th percentile of `repeats` calls, in milliseconds."""
    taken: list[float] = []
    for _ in range(repeats):
        began = time.perf_counter()
        await call()
        taken.append(1000 * (time.perf_counter() - began))
    return summary(taken)


def summary(taken: list[float]) -> dict[str, float]:
    """Median and 95th percentile."""
    ordered = sorted(taken)
    p95 = ordered[min(len(ordered) - 1, int(0.95 * len(ordered)))]
    return {"median_ms": statistics.median(ordered), "p95_ms": p95}


async def round_trips(sandboxes: Sandboxes, repeats: int) -> dict[str, dict[str, float]]:
    """Tool calls in one box."""
    box = sandboxes.create()
    await box.start()
    await box.write("file", b"x" * 1000)
    calls = {
        "exec, builtin": (lambda: box.exec("echo x"), 20),
        "exec, program": (lambda: box.exec("/bin/true"), 10),
        "exec, python3": (lambda: box.exec("python3 -I -S -c pass"), 2),
        "read": (lambda: box.read("file"), 20),
        "write": (lambda: box.write("file", b"y" * 1000), 20),
    }
    found = {name: await timed(call, times * repeats) for name, (call, times) in calls.items()}
    await box.close()
    return found


async def starts(sandboxes: Sandboxes, repeats: int) -> dict[str, dict[str, float]]:
    """Starts and ends of boxes over bases of different size, taken in turn."""
    found: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory() as name:
        bases = {files: make_base(Path(name, str(files)), files) for files in FILES}
        for _ in range(repeats):
            for files, base in bases.items():
                for part, taken in (await one_box(sandboxes, base)).items():
                    found.setdefault(f"{part}, {files} files", []).append(taken)
    return {name: summary(found[name]) for name in sorted(found)}


def make_base(folder: Path, files: int) -> Path:
    """A directory of `files` files of 3.5 kB in folders of 50."""
    folder.mkdir()
    for number in range(files):
        inner = folder / str(number // 50)
        inner.mkdir(exist_ok=True)
        (inner / f"{number}.txt").write_bytes(b"x" * 3500)
    return folder


async def one_box(sandboxes: Sandboxes, base: Path) -> dict[str, float]:
    """Milliseconds to make a workspace, to start a box, and to close it after one change."""
    box = sandboxes.create()
    began = time.perf_counter()
    await box.start(base)
    started = time.perf_counter()
    await box.write("changed", b"x")
    closing = time.perf_counter()
    await box.close()
    return {
        "workspace": 1000 * box.workspace_seconds,
        "start": 1000 * (started - began),
        "close, effects": 1000 * (time.perf_counter() - closing),
    }


async def together(sandboxes: Sandboxes, boxes: int) -> dict[str, float]:
    """Starts many boxes at once; the owner's own processor time beside the wall clock."""
    made = [sandboxes.create() for _ in range(boxes)]
    wall, own = time.perf_counter(), time.process_time()
    await asyncio.gather(*(box.start() for box in made))
    taken = {
        "boxes": boxes,
        "wall_ms_each": 1000 * (time.perf_counter() - wall) / boxes,
        "owner_cpu_ms_each": 1000 * (time.process_time() - own) / boxes,
    }
    await asyncio.gather(*(box.close() for box in made))
    return taken


def processor_seconds() -> float:
    """Used so far by this process, its launcher, and the launcher's children that have ended."""
    ticks = 0
    for children in Path("/proc/self/task").glob("*/children"):
        for launcher in children.read_text().split():
            fields = Path(f"/proc/{launcher}/stat").read_text().rpartition(")")[2].split()
            ticks += sum(int(field) for field in fields[11:15])
    return time.process_time() + ticks / os.sysconf("SC_CLK_TCK")


async def lives(sandboxes: Sandboxes, boxes: int, at_once: int) -> dict[str, float]:
    """Whole lives of boxes. Each shell leaves by `exit`, for the time of one that is killed with
    its namespace is added to nobody's."""
    gate = asyncio.Semaphore(at_once)

    async def live(base: Path) -> None:
        async with gate:
            box = sandboxes.create()
            await box.start(base)
            for command in ("true", "true", "true", "true", "true", "exit"):
                await box.exec(command)
            await box.close()

    with tempfile.TemporaryDirectory() as name:
        base = make_base(Path(name, "base"), FILES[1])
        await live(base)
        began = processor_seconds()
        await asyncio.gather(*(live(base) for _ in range(boxes)))
        taken = processor_seconds() - began
    return {"boxes": boxes, "at_once": at_once, "cpu_ms_each": 1000 * taken / boxes}


async def measure(repeats: int) -> dict[str, Any]:
    """Everything, on the driver that this machine allows."""
    async with Sandboxes(SandboxConfig()) as sandboxes:
        return {
            "round trips": await round_trips(sandboxes, repeats),
            "starts": await starts(sandboxes, repeats),
            "together": await together(sandboxes, 64),
            "lives": [await lives(sandboxes, 2 * repeats, at_once) for at_once in (1, 64)],
        }


def main() -> None:
    """Measures and prints."""
    options = argparse.ArgumentParser(description="Measures what a box costs.")
    options.add_argument("--json", action="store_true", help="print one JSON document")
    options.add_argument("--repeats", type=int, default=50, help="boxes started of each kind")
    chosen = options.parse_args()
    report = probe_sandbox()
    found: dict[str, Any] = {"machine": report.model_dump()} | asyncio.run(measure(chosen.repeats))
    if chosen.json:
        print(json.dumps(found))
        return
    table = Table("", "median ms", "p95 ms", title=f"sandbox: {report.driver} {report.bubblewrap}")
    for part in ("round trips", "starts"):
        for name, row in found[part].items():
            table.add_row(name, f"{row['median_ms']:.2f}", f"{row['p95_ms']:.2f}")
    console = Console()
    console.print(table)
    many = found["together"]
    console.print(
        f"{many['boxes']} boxes at once: {many['wall_ms_each']:.1f} ms each,"
        f" {many['owner_cpu_ms_each']:.2f} ms of it the owner's processor time"
    )
    for life in found["lives"]:
        console.print(
            f"a life, {life['at_once']} at once: {life['cpu_ms_each']:.1f} ms of processor time"
        )


if __name__ == "__main__":
    main()

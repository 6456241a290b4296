"""Where the time of a training step goes, and how long a core was idle.

    python benchmarks/step.py [--steps 5] [--policy embedded] [--json]

Runs some steps of examples/first/config.toml and prints, as means a step: the wall time of
rollouts, of training, of the checkpoint and of the rest; the CPU time of the engine's thread, of
the other threads and of the boxes; the time that checks took, summed over episodes; and the share
of core time that was idle meanwhile. The first step is left out: it loads what the others reuse.
"""

import argparse
import asyncio
import json
import os
import tempfile
import threading
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from rich.console import Console
from rich.table import Table

from surefoot import loop
from surefoot.config import read_config
from surefoot.goals.solution import EndState
from surefoot.progress import Watch
from surefoot.records import Goal, PolicyVersion, Reward, StepMetrics
from surefoot.run import Parts, RunConfig, new_run, open_parts, policy_directory
from surefoot.store import resume

PARTS = ("rollout_seconds", "step_seconds", "checkpoint_seconds")
CONFIG = Path(__file__).parents[1] / "examples" / "first" / "config.toml"


class Meter:
    """Readings that only grow, in seconds."""

    def __init__(self) -> None:
        self.checks = 0.0

    def read(self) -> dict[str, float]:
        """Wall, idle core time, CPU of the engine's thread, of this process, and of all boxes."""
        ticks = os.sysconf("SC_CLK_TCK")
        cores = [
            line.split()
            for line in Path("/proc/stat").read_text().splitlines()
            if line.startswith("cpu") and line[3].isdigit()
        ]
        engine = sum(
            _thread_seconds(Path(f"/proc/self/task/{thread.native_id}"))
            for thread in threading.enumerate()
            if thread.name.startswith("surefoot-engine")
        )
        own = time.process_time()
        total = sum(sum(map(int, core[1:9])) for core in cores) / ticks
        idle = sum(int(core[4]) for core in cores) / ticks
        return {
            "wall": time.monotonic(),
            "idle": idle,
            "all": total,
            "engine": engine,
            "process": own,
            "checks": self.checks,
        }

    def timed(self, parts: Parts) -> Parts:
        """The parts, with checks under the clock."""
        judge = parts.stage.judge

        async def run(goal: Goal, end: EndState) -> Reward:
            began = time.monotonic()
            try:
                return await judge(goal, end)
            finally:
                self.checks += time.monotonic() - began

        return replace(parts, stage=replace(parts.stage, judge=run))


def _thread_seconds(task: Path) -> float:
    fields = (task / "stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def measure(config: RunConfig, run: Path) -> dict[str, float]:
    """Runs the steps; returns means a step."""
    new_run(config, run)
    meter = Meter()
    version = PolicyVersion(number=0, directory=str(policy_directory(config.policy)))
    readings: list[Mapping[str, float]] = []

    class Stepped(Watch):
        def advance(self, note: str = "") -> None:
            readings.append(meter.read())

    async with open_parts(config, run, version=version) as parts:
        await loop.improve(meter.timed(parts), resume(parts.store), version, Stepped(quiet=True))
        metrics = [m.values for m in parts.store.stream(StepMetrics)][1:]
    first, last = readings[0], readings[-1]
    steps = len(readings) - 1
    delta = {name: (last[name] - first[name]) / steps for name in first}
    mean = {name: sum(m[name] for m in metrics) / steps for name in (*PARTS, "tokens_sampled")}
    busy = delta["all"] - delta["idle"]
    return {
        "wall": delta["wall"],
        "rollout": mean["rollout_seconds"],
        "training": mean["step_seconds"],
        "checkpoint": mean["checkpoint_seconds"],
        "other": delta["wall"] - sum(mean[name] for name in PARTS),
        "checks, summed over episodes": delta["checks"],
        "CPU of the engine": delta["engine"],
        "CPU of the rest of this process": delta["process"] - delta["engine"],
        "CPU of everything else (boxes, other programs)": busy - delta["process"],
        "share of core time idle": delta["idle"] / delta["all"],
        "tokens sampled": mean["tokens_sampled"],
    }  # fmt: skip


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=5)
    parser.add_argument("--policy", default="embedded")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    settings = [f"steps={arguments.steps + 1}", "evals.suite=none", f"policy={arguments.policy}"]
    config = read_config(RunConfig, CONFIG, settings)
    with tempfile.TemporaryDirectory() as folder:
        found = asyncio.run(measure(config, Path(folder) / "run"))
    if arguments.json:
        print(json.dumps(found, indent=1))
        return
    table = Table(title="means a step, seconds unless said otherwise", show_header=False)
    for name, value in found.items():
        table.add_row(name, f"{value:.3g}")
    Console().print(table)


if __name__ == "__main__":
    main()

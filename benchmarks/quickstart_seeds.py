"""Does the quickstart learn, over seeds, and more than two controls of equal time?

    python benchmarks/quickstart_seeds.py [--seeds 0,1,2,3,4] [--minutes 6.5] [--out runs/seeds]

For each seed three runs from the same warm start, of the same training time, judged on the same
test goals under the same surroundings:

    reinforced   examples/first/config.toml
    supervised   more supervised steps on demonstrations, as in the warm start's last stage
    shuffled     reinforcement with the rewards shuffled within each group

Prints success per cell before and after with 95 % intervals, the paired difference and its p. A run
that is finished in --out is not run again, so the benchmark can be stopped and goes on.
"""

import argparse
import asyncio
import json
import random
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).parents[1] / "examples" / "first"))

from warmstart import demonstrations
from warmstart.__main__ import STAGES, batches, demonstrated

from surefoot import loop
from surefoot.config import read_config
from surefoot.evals.compare import paired, success
from surefoot.evals.summary import AFTER, BEFORE
from surefoot.gateway import Renderer
from surefoot.gateway.tokenizer import HuggingFaceTokenizer
from surefoot.goals import FamilySource
from surefoot.progress import Watch
from surefoot.records import Group, Judged
from surefoot.run import RunConfig, policy_directory
from surefoot.sandbox import Sandboxes
from surefoot.store import open_store
from surefoot.training.trainer import Trainer

CONFIG = Path(__file__).parents[1] / "examples" / "first" / "config.toml"
KINDS = ("reinforced", "supervised", "shuffled")
DEMONSTRATIONS = 3000


def shuffled(groups: Sequence[Group]) -> list[Group]:
    """The groups, with the rewards of each dealt out anew among its episodes."""
    dealt: list[Group] = []
    for group in groups:
        rewards = [episode.reward for episode in group.episodes]
        random.Random(group.episodes[0].dispatch.id).shuffle(rewards)
        episodes = [
            episode.model_copy(update={"reward": reward})
            for episode, reward in zip(group.episodes, rewards, strict=True)
        ]
        dealt.append(group.model_copy(update={"episodes": tuple(episodes)}))
    return dealt


async def supervise(config: RunConfig, out: Path, minutes: float) -> Path:
    """More supervised steps from the warm start, for so many minutes; returns the policy."""
    start = policy_directory(config.policy)
    async with Sandboxes(config.sandbox) as sandboxes:
        source = FamilySource(seed=config.goals.seed)
        recorded = await demonstrations.record_all(source, sandboxes, DEMONSTRATIONS, 0.4)
    stage = STAGES[-1]._replace(name=f"supervised {config.seed}")
    made = batches(demonstrated(recorded, Renderer(HuggingFaceTokenizer(start)), stage))
    settings = config.training.model_copy(update={"loss": "sft", "learning_rate": 3e-4})
    trainer = Trainer(start, settings)
    began = time.monotonic()
    while time.monotonic() - began < 60 * minutes:
        trainer.sft_step(next(made))
    trainer.model.save(out)
    return out


def rows_of(run: Path, policy: str) -> list[Judged]:
    """The judged rows of one policy of a finished run."""
    with open_store(run, read_only=True) as store:
        return [row for row in store.stream(Judged) if row.policy == policy]


def one(kind: str, seed: int, minutes: float, out: Path) -> tuple[list[Judged], list[Judged]]:
    """Runs one kind under one seed if it is not finished; returns its rows before and after."""
    config = read_config(
        RunConfig, CONFIG, [f"seed={seed}", f"minutes={minutes}", "evals.suite=headline"]
    )
    run = out / f"{kind}-{seed}"
    if kind == "supervised":
        policy = out / f"supervised-{seed}-policy"
        if not policy.exists():
            asyncio.run(supervise(config, policy, minutes))
        if not (run / "report.json").exists():
            judged = config.model_copy(update={"policy": str(policy)})
            asyncio.run(loop.evaluate_only(judged, run, watch=Watch()))
        return rows_of(out / f"reinforced-{seed}", BEFORE), rows_of(run, BEFORE)
    if not (run / "report.json").exists():
        referee = shuffled if kind == "shuffled" else list
        begin = loop.go_on if (run / "config.json").exists() else None
        if begin is None:
            asyncio.run(loop.train(config, run, referee=referee, watch=Watch()))
        else:
            asyncio.run(loop.go_on(run, referee=referee, watch=Watch()))
    return rows_of(run, BEFORE), rows_of(run, AFTER)


def figures(before: list[Judged], after: list[Judged]) -> dict[str, dict[str, float | None]]:
    """Success before and after by cell, with intervals, the paired difference and its p."""
    found: dict[str, dict[str, float | None]] = {}
    for cell in dict.fromkeys(row.variation for row in before):
        old = [row for row in before if row.variation == cell]
        new = [row for row in after if row.variation == cell]
        first, last, change = success(old), success(new), paired(old, new)
        found[cell] = {
            "before": first.value, "before_low": first.low, "before_high": first.high,
            "after": last.value, "after_low": last.low, "after_high": last.high,
            "change": change.value, "p": change.p,
        }  # fmt: skip
    return found


def main() -> None:
    """Runs what is missing and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", default="0,1,2,3,4")
    parser.add_argument("--kinds", default=",".join(KINDS))
    parser.add_argument("--minutes", type=float, default=6.5)
    parser.add_argument("--out", type=Path, default=Path("runs/seeds"))
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    table = Table(title="success, percent (95 % interval)")
    for name in ("seed", "run", "cell", "before", "after", "change", "p"):
        table.add_column(name)
    result: dict[str, dict[str, dict[str, float | None]]] = {}
    for seed in map(int, arguments.seeds.split(",")):
        for kind in arguments.kinds.split(","):
            both = figures(*one(kind, seed, arguments.minutes, arguments.out))
            result[f"{kind}-{seed}"] = both
            for cell, each in both.items():
                table.add_row(str(seed), kind, cell, *_texts(each))
    if arguments.json:
        print(json.dumps(result, indent=1))
    else:
        Console().print(table)


def _texts(each: dict[str, float | None]) -> list[str]:
    def share(name: str) -> str:
        value, low, high = (each[key] for key in (name, f"{name}_low", f"{name}_high"))
        if value is None or low is None or high is None:
            return "none"
        return f"{100 * value:.0f} ({100 * low:.0f} to {100 * high:.0f})"

    change, p = each["change"], each["p"]
    return [
        share("before"),
        share("after"),
        "none" if change is None else f"{100 * change:+.0f}",
        "none" if p is None else f"{p:.2g}",
    ]


if __name__ == "__main__":
    main()

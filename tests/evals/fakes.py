"""Judged rows and step metrics as a run would leave them, drawn from a seed."""

import math
from random import Random

from surefoot.evals.suites import suite
from surefoot.evals.summary import Ended, Material
from surefoot.records import Goal, Judged, StepMetrics

FAMILIES = {"find": 0.95, "edit": 0.9, "move": 0.8, "chain": 0.65, "repair": 0.5, "database": 0.6}
EASE = {
    "canonical": 1.0, "lists": 0.95, "seen": 0.95, "names": 0.85, "grammar": 0.93, "both": 0.82,
    "react": 0.15,
}  # fmt: skip
SKILL = {"before": 0.55, "after": 1.05, "nothing": 0.0, "random": 0.04, "supervised": 0.65}


def goals(each: int) -> list[Goal]:
    return [
        Goal(family=name, split="test", index=i, prompt=f"{name} {i}", horizon=3)
        for i in range(each)
        for name in FAMILIES
    ]


def rows(policy: str, *, each: int = 12, seed: int = 5, skill: float | None = None) -> list[Judged]:
    random = Random(f"{policy} {seed}")
    level = SKILL[policy] if skill is None else skill
    found: list[Judged] = []
    for goal, variation, sample in suite("quick").plan(goals(each), seed):
        own = Random(goal.key).uniform(0.8, 1.2)
        chance = level * FAMILIES[goal.family] * EASE[variation.name] * own
        fault = random.random() < 0.004
        found.append(
            Judged(
                policy=policy,
                goal=goal.key,
                family=goal.family,
                variation=variation.name,
                format=variation.format,
                perturbations=variation.perturbations,
                sample=sample,
                reward=None if fault else float(random.random() < chance),
                outcome="fault" if fault else "judged",
                tokens=0 if policy in ("nothing", "random") else random.randint(40, 160),
                calls=0 if policy == "nothing" else random.randint(1, 8),
                seconds=random.uniform(0.1, 0.9),
            )
        )
    return found


def training(steps: int = 120) -> tuple[tuple[StepMetrics, ...], tuple[Ended, ...]]:
    random = Random(11)
    metrics: list[StepMetrics] = []
    ended: list[Ended] = []
    for step in range(1, steps + 1):
        level = 0.45 + 0.42 * (1 - math.exp(-step / 35))
        signal = max(2, round(16 * (1 - level) * 1.25 + random.gauss(0, 1.2)))
        faults, stale = int(random.random() < 0.05), int(random.random() < 0.1)
        trained = 8 * signal - faults - stale
        kinds = (("trained", ""), ("filtered", "zero_variance"), ("stale", "too_old"))
        for (kind, reason), count in zip(kinds, (trained, 128 - 8 * signal, stale), strict=True):
            solved = round(count * min(1, max(0, level + random.gauss(0, 0.03))))
            if count:
                ended.append(
                    Ended(
                        step=step, kind=kind, reason=reason, episodes=count, rewarded=count,
                        solved=solved, reward=solved,
                    )
                )  # fmt: skip
        if faults:
            ended.append(Ended(step=step, kind="fault", reason="sandbox", episodes=faults))
        values = {
            "loss": -0.02 * math.exp(-step / 50) + random.gauss(0, 0.004),
            "entropy_estimate": 0.32 * math.exp(-step / 60) + 0.05 + random.gauss(0, 0.01),
            "gradient_norm": abs(random.gauss(0.7, 0.2)),
            "clipped_share": abs(random.gauss(0.01, 0.004)),
            "ratio_mean": random.gauss(1, 0.004),
            "parity_max": abs(random.gauss(4e-6, 1e-6)),
            "groups": 16.0,
            "groups_trained": float(signal),
            "tokens_sampled": random.gauss(9000, 400),
            "tokens_trained": random.gauss(480, 20) * signal,
            "learning_rate": 3e-4 * min(1, step / 5) * (1 - step / (steps * 1.2)),
            "step_seconds": random.gauss(3.2, 0.2),
        }
        metrics.append(StepMetrics(step=step, version=step, values=values))
    return tuple(metrics), tuple(ended)


def material(*policies: str, each: int = 12, steps: int = 120) -> Material:
    names = policies or ("before", "after", "nothing", "random")
    metrics, ended = training(steps) if steps else ((), ())
    return Material(
        title="runs/quickstart",
        rows=tuple(row for name in names for row in rows(name, each=each)),
        steps=metrics,
        ended=ended,
    )

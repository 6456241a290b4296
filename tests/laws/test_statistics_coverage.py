"""Law: over simulated experiments, 95 % intervals hold the truth 93 to 98 times in a hundred."""

import numpy as np
import pytest

from surefoot.evals.statistics import Unit, mean, rate

ROUNDS = 1500


def skills(random: np.random.Generator, level: float, unlike: float, goals: int) -> np.ndarray:
    """Each goal's own chance of success: mean `level`, correlation of attempts `unlike`."""
    if unlike == 0:
        return np.full(goals, level)
    return random.beta(level * (1 / unlike - 1), (1 - level) * (1 / unlike - 1), goals)


def attempts(random: np.random.Generator, chance: np.ndarray, samples: int) -> np.ndarray:
    return (random.random((len(chance), samples)) < chance[:, None]).astype(int)


def units(values: np.ndarray) -> list[Unit]:
    return [Unit(str(goal), int(v)) for goal, row in enumerate(values) for v in row]


@pytest.mark.parametrize("goals", [12, 72])
@pytest.mark.parametrize("samples", [1, 4])
@pytest.mark.parametrize("unlike", [0.0, 0.4])
def test_rate_covers(goals: int, samples: int, unlike: float) -> None:
    random = np.random.default_rng([goals, samples, int(unlike * 10)])
    held = 0
    for _ in range(ROUNDS):
        level = random.uniform(0.05, 0.95)
        got = rate(units(attempts(random, skills(random, level, unlike, goals), samples)))
        held += got.low <= level <= got.high
    print(f"goals {goals} samples {samples} unlike {unlike}: {held / ROUNDS:.3f}")
    assert 0.93 <= held / ROUNDS <= 0.98


@pytest.mark.parametrize("goals", [12, 72])
@pytest.mark.parametrize("samples", [1, 4])
@pytest.mark.parametrize("unlike", [0.0, 0.4])
def test_paired_difference_covers(goals: int, samples: int, unlike: float) -> None:
    random = np.random.default_rng([goals, samples, int(unlike * 10), 1])
    held = 0
    for _ in range(ROUNDS):
        level, gain = random.uniform(0.1, 0.6), random.uniform(0.0, 0.35)
        before = skills(random, level, unlike, goals)
        after = before + gain * (1 - before)
        truth = gain * (1 - level)
        pairs = attempts(random, after, samples) - attempts(random, before, samples)
        got = mean(units(pairs))
        held += got.low <= truth <= got.high
    print(f"goals {goals} samples {samples} unlike {unlike}: {held / ROUNDS:.3f}")
    assert 0.93 <= held / ROUNDS <= 0.98


def test_change_of_gap_covers() -> None:
    random = np.random.default_rng(7)
    held = 0
    for _ in range(ROUNDS):
        levels = random.uniform(0.1, 0.9, 4)
        easy = skills(random, 0.5, 0.3, 40) - 0.5
        cells = [attempts(random, np.clip(level + easy / 4, 0, 1), 1) for level in levels]
        truth = levels[0] - levels[1] - levels[2] + levels[3]
        got = mean(units(cells[0] - cells[1] - cells[2] + cells[3]), span=2)
        held += got.low <= truth <= got.high
    print(f"change of gap: {held / ROUNDS:.3f}")
    assert 0.93 <= held / ROUNDS <= 0.98

from collections import Counter

import pytest

from surefoot.evals.suites import SUITES, Suite, suite
from surefoot.perturbations.draw import (
    PLAIN_SHARE,
    TRAINING_FORMATS,
    draw_variation,
    stable_seed,
)
from surefoot.records import Goal
from surefoot.records.errors import ConfigError, GoalError

FAMILIES = ("find", "edit", "move")


def goals(count: int) -> list[Goal]:
    return [
        Goal(family=family, split="test", index=i, prompt=f"{family} {i}", horizon=2)
        for i in range(count)
        for family in FAMILIES
    ]


def test_a_plan_is_the_same_each_time() -> None:
    assert list(suite("quick").plan(goals(14), 3)) == list(suite("quick").plan(goals(14), 3))


def test_another_seed_meets_other_surroundings() -> None:
    first, second = (list(suite("quick").plan(goals(2), seed)) for seed in (1, 2))
    assert all(a.variation.seed != b.variation.seed for a, b in zip(first, second, strict=True))


def test_surroundings_do_not_depend_on_the_order_of_goals() -> None:
    def by_key(some: list[Goal]) -> dict[tuple[str, str, int], object]:
        planned = Suite(name="s", cells=suite("quick").cells, goals=99).plan(some)
        return {(p.goal.key, p.variation.name, p.sample): p.variation for p in planned}

    assert by_key(goals(5)) == by_key(goals(5)[::-1])


def test_each_family_gives_as_many_goals_as_the_suite_asks_for() -> None:
    planned = list(suite("full").plan(goals(60)))
    assert Counter(p.goal.family for p in planned) == dict.fromkeys(FAMILIES, 50 * 2 * 7)
    assert len({(p.goal.key, p.variation.name, p.sample) for p in planned}) == len(planned)


def test_no_two_attempts_share_a_seed() -> None:
    planned = list(suite("quick").plan(goals(12)))
    assert len({p.variation.seed for p in planned}) == len(planned)


def test_every_suite_has_its_headline_and_both_ends_of_the_gap() -> None:
    for one in SUITES.values():
        names = [cell.name for cell in one.cells]
        assert len(set(names)) == len(names)
        assert {one.headline, one.canonical, one.held_out} <= set(names)


def test_no_goals_is_said() -> None:
    with pytest.raises(GoalError, match="got no goals"):
        list(suite("quick").plan([]))


def test_an_unknown_suite_is_met_with_the_nearest() -> None:
    with pytest.raises(ConfigError, match="did you mean quick"):
        suite("quik")


def test_training_never_draws_what_is_held_out() -> None:
    drawn = [draw_variation(seed) for seed in range(3000)]
    assert not any(v.held_out or v.format == "react" for v in drawn)


def test_training_draws_formats_with_their_shares() -> None:
    drawn = Counter(draw_variation(seed).format for seed in range(6000))
    for name, share in TRAINING_FORMATS.items():
        assert drawn[name] / 6000 == pytest.approx(share, abs=0.02)
    plain = sum(draw_variation(seed).name == "plain" for seed in range(6000))
    assert plain / 6000 == pytest.approx(PLAIN_SHARE, abs=0.015)


def test_seeds_are_the_same_on_every_machine() -> None:
    assert stable_seed("a", 1) == 2070967061
    assert draw_variation(1).seed == 998689484

import pytest

from surefoot.evals import compare
from surefoot.records import Judged


def row(goal: str, reward: float | None, *, cell: str = "both", sample: int = 0) -> Judged:
    return Judged(
        policy="p",
        goal=goal,
        family="find",
        variation=cell,
        format="hermes",
        perturbations=(),
        sample=sample,
        reward=reward,
        outcome="judged" if reward is not None else "fault",
    )


def test_a_partial_reward_is_no_success() -> None:
    assert compare.success([row("a", 0.99), row("b", 1.0)]).value == 0.5


def test_a_fault_is_counted_and_is_no_failure() -> None:
    got = compare.success([row("a", 1.0), row("b", None)])
    assert (got.value, got.units, got.faults) == (1.0, 1, 1)


def test_a_pair_with_a_fault_on_either_side_is_left_out_and_counted() -> None:
    before = [row("a", 0.0), row("b", None), row("c", 1.0)]
    after = [row("c", None), row("b", 1.0), row("a", 1.0)]
    got = compare.paired(before, after)
    assert (got.value, got.units, got.faults) == (1.0, 1, 2)


def test_only_identical_attempts_are_paired() -> None:
    before = [row("a", 0.0, sample=0), row("a", 0.0, cell="seen"), row("b", 0.0)]
    after = [row("a", 1.0, sample=1), row("a", 1.0, cell="names"), row("b", 1.0)]
    assert compare.paired(before, after).units == 1


def test_the_gap_is_paired_by_goal_and_sample() -> None:
    easy = [row(g, 1.0, cell="lists") for g in "abcd"]
    hard = [row(g, float(g in "ab")) for g in "abcd"]
    assert compare.gap(easy, hard).value == 0.5
    assert compare.gap(hard, easy).value == -0.5


def test_the_change_of_the_gap_is_the_difference_of_gaps() -> None:
    easy = [row(g, 1.0, cell="lists") for g in "abcd"]
    before, after = ([row(g, float(g in won)) for g in "abcd"] for won in ("a", "abc"))
    got = compare.gap_change((easy, before), (easy, after))
    assert got.value == compare.gap(easy, after).value - compare.gap(easy, before).value == -0.5


def test_rows_of_two_evaluations_are_refused() -> None:
    with pytest.raises(ValueError, match="two judged rows"):
        compare.paired([row("a", 1.0), row("a", 0.0)], [row("a", 1.0)])

"""Laws of the statistics that hold for every input: range, order, symmetry, exactness."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from surefoot.evals.statistics import Unit, goals_needed, mean, rate, sign_flip

successes = st.lists(st.builds(Unit, st.sampled_from("abcdefgh"), st.integers(0, 1)), min_size=1)
signs = st.lists(st.builds(Unit, st.sampled_from("abcdefgh"), st.integers(-1, 1)), min_size=1)


@given(successes)
def test_a_rate_lies_in_its_interval_and_the_interval_between_0_and_1(units: list[Unit]) -> None:
    got = rate(units)
    assert 0 <= got.low <= got.value <= got.high <= 1
    assert got.high > got.low
    assert got.value == sum(u.value for u in units) / len(units)


@given(signs)
def test_a_difference_lies_in_its_interval_and_negates_with_its_units(units: list[Unit]) -> None:
    got = mean(units)
    assert -1 <= got.low <= got.value <= got.high <= 1
    assert got.high > got.low
    mirrored = mean([Unit(u.goal, -u.value) for u in units])
    assert mirrored.p == pytest.approx(got.p)
    assert (mirrored.low, mirrored.high) == pytest.approx((-got.high, -got.low))


@given(successes, st.randoms())
def test_the_order_of_units_and_the_names_of_goals_do_not_matter(units, random) -> None:
    got = rate(units)
    shuffled = random.sample(units, len(units))
    other = rate([Unit("x" + u.goal, u.value) for u in shuffled])
    assert (other.low, other.high) == pytest.approx((got.low, got.high))


@given(signs)
def test_the_sign_flip_p_equals_the_count_over_all_assignments(units: list[Unit]) -> None:
    sums = [sum(u.value for u in units if u.goal == g) for g in sorted({u.goal for u in units})]
    flips = itertools.product((-1, 1), repeat=len(sums))
    totals = np.array([abs(np.dot(flip, sums)) for flip in flips])
    assert sign_flip(units) == pytest.approx(float(np.mean(totals >= abs(sum(sums)))))


@given(st.integers(0, 60), st.integers(1, 60))
def test_with_one_pair_a_goal_the_test_is_mcnemars(won: int, lost: int) -> None:
    units = [Unit(str(i), 1 if i < won else -1) for i in range(won + lost)]
    exact = stats.binomtest(won, won + lost).pvalue
    assert sign_flip(units) == pytest.approx(exact)


def test_p_is_never_zero() -> None:
    assert 0 < sign_flip(Unit(str(i), 1) for i in range(3000)) < 1e-300


def test_p_is_uniform_or_larger_when_there_is_no_difference() -> None:
    random = np.random.default_rng(3)
    drawn = [
        sign_flip(Unit(str(g), int(v)) for g, v in enumerate(random.integers(-2, 3, 40)))
        for _ in range(2000)
    ]
    assert np.mean(np.array(drawn) <= 0.05) <= 0.06
    assert np.mean(np.array(drawn) <= 0.05) >= 0.03


@pytest.mark.parametrize("value", [0, 1])
def test_unanimous_attempts_count_each_goal_once(value: int) -> None:
    once = rate([Unit(str(g), value) for g in range(20)])
    often = rate([Unit(str(g), value) for g in range(20) for _ in range(10)])
    assert (often.low, often.high) == pytest.approx((once.low, once.high))
    assert once.high - once.low == pytest.approx(0.161, abs=0.002)


def test_one_attempt_a_goal_gives_the_plain_wilson_interval() -> None:
    got = rate([Unit(str(g), int(g < 30)) for g in range(40)])
    plain = stats.binomtest(30, 40).proportion_ci(method="wilson")
    assert (got.low, got.high) == pytest.approx((plain.low, plain.high), abs=0.006)


def test_attempts_that_resemble_each_other_widen_the_interval() -> None:
    alike = rate([Unit(str(g), g % 2) for g in range(20) for _ in range(8)])
    apart = rate([Unit(str(g), a % 2) for g in range(20) for a in range(8)])
    assert alike.half_width > 2 * apart.half_width


def test_one_goal_tells_nothing() -> None:
    assert (rate([Unit("a", 1)] * 5).low, rate([Unit("a", 1)] * 5).high) == (0, 1)
    assert (mean([Unit("a", 1)] * 5).low, mean([Unit("a", 1)] * 5).high) == (-1, 1)


def test_nothing_measured_is_none_and_not_zero() -> None:
    assert rate([], faults=3).value is None
    assert rate([], faults=3).faults == 3
    assert mean([]).p is None


@settings(max_examples=30)
@given(st.integers(2, 40))
def test_four_times_the_goals_halve_the_interval(goals: int) -> None:
    got = rate([Unit(str(g), g % 2) for g in range(goals)])
    assert goals_needed(got, got.half_width / 2) == pytest.approx(4 * goals, abs=1)

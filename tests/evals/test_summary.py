import re

import pytest

from evals.fakes import FAMILIES, material, rows
from surefoot.evals.suites import suite
from surefoot.evals.summarise import summarise
from surefoot.evals.summary import Ended, Material, Summary
from surefoot.records import StepMetrics

QUICK = suite("quick")


@pytest.fixture(scope="module")
def trained() -> Summary:
    return summarise(material("before", "after", "supervised", "nothing", "random"), QUICK)


def test_a_summary_survives_json(trained: Summary) -> None:
    assert Summary.model_validate_json(trained.model_dump_json()) == trained


def test_every_table_counts_every_attempt_once(trained: Summary) -> None:
    for lines in (trained.cells, trained.families, trained.surroundings, trained.crossed):
        found = [line.success["after"] for line in lines if "after" in line.success]
        assert sum(e.units + e.faults for e in found) == 12 * len(FAMILIES) * 7


def test_floors_stand_beside_every_figure(trained: Summary) -> None:
    for lines in (trained.cells, trained.families, trained.surroundings, trained.crossed):
        assert all({"nothing", "random"} <= line.success.keys() for line in lines)


def test_cells_come_in_the_order_of_the_suite(trained: Summary) -> None:
    assert [line.cell for line in trained.cells] == [cell.name for cell in QUICK.cells]


def test_columns_are_before_after_controls_floors(trained: Summary) -> None:
    assert trained.policies == ("before", "after", "supervised", "nothing", "random")
    assert set(trained.rivals) == {"supervised", "nothing", "random"}


def test_the_headline_says_both_figures_the_difference_and_the_goals(trained: Summary) -> None:
    line = trained.main
    for number in (line.success["before"].value, line.success["after"].value):
        assert f"{100 * number:.0f} %" in trained.headline
    assert "rose from" in trained.headline
    assert re.search(r"on 7[012] test goals", trained.headline)
    assert re.search(r"p [=<] 0\.\d+", trained.headline)


def test_no_rise_is_claimed_where_nothing_changed() -> None:
    same = [r.model_copy(update={"policy": "after"}) for r in rows("before", seed=6)]
    got = summarise(Material(title="t", rows=(*rows("before"), *same)), QUICK)
    assert "did not change by more than chance explains" in got.headline
    assert "cannot be told" in got.meaning[0]
    assert any("goals" in said and "points takes" in said for said in got.limits)


def test_a_fall_is_called_a_fall() -> None:
    swapped = {"before": "after", "after": "before"}
    turned = [
        r.model_copy(update={"policy": swapped[r.policy]}) for r in material("before", "after").rows
    ]
    got = summarise(Material(title="t", rows=tuple(turned)), QUICK)
    assert "fell from" in got.headline
    assert "fewer than before" in got.meaning[0]


def test_one_policy_alone_has_no_differences() -> None:
    alone = [r.model_copy(update={"policy": "models/x"}) for r in rows("before")]
    got = summarise(Material(title="t", rows=tuple(alone)), QUICK)
    assert (got.before, got.after, got.gap_change, got.training) == (None, "models/x", None, None)
    assert all(line.difference is None for line in got.cells)


def test_a_gap_too_small_to_see_is_said_with_the_size_that_would_do() -> None:
    weak = [r.model_copy(update={"policy": "p"}) for r in rows("before", each=5, skill=0.05)]
    got = summarise(Material(title="t", rows=tuple(weak)), QUICK)
    assert not got.gap_measurable("p")
    assert not any("adaptation gap" in said for said in got.meaning)
    assert any("not measurable at this sample size" in said for said in got.limits)


def test_a_gap_at_no_success_is_not_measurable_by_any_number_of_goals() -> None:
    nil = [r.model_copy(update={"policy": "p"}) for r in rows("before", skill=0.0)]
    got = summarise(Material(title="t", rows=tuple(nil)), QUICK)
    assert any("no number of goals helps" in said for said in got.limits)


def test_faults_are_said(trained: Summary) -> None:
    faults = sum(cost.faults for cost in trained.costs)
    assert faults > 0
    assert any(said.startswith(f"{faults} of ") for said in trained.limits)


def test_nothing_judged_is_refused() -> None:
    with pytest.raises(ValueError, match="nothing was judged"):
        summarise(Material(title="t", rows=()), QUICK)
    with pytest.raises(ValueError, match="nothing was judged"):
        summarise(Material(title="t", rows=tuple(rows("nothing"))), QUICK)


def test_yield_and_outcomes_add_up() -> None:
    ended = (
        Ended(step=1, kind="trained", episodes=10),
        Ended(step=1, kind="filtered", reason="zero_variance", episodes=6),
        Ended(step=2, kind="trained", episodes=4),
    )
    values = [{"groups": 4, "groups_trained": 1}, {"groups": 4, "groups_trained": 2}]
    steps = tuple(StepMetrics(step=i, version=i, values=v) for i, v in enumerate(values, 1))
    got = summarise(
        Material(title="t", rows=tuple(rows("after")), steps=steps, ended=ended), QUICK
    ).training
    assert got is not None
    assert got.outcomes == {"trained": 14, "filtered (zero_variance)": 6}
    assert (got.episodes, got.signal_share, got.tokens_sampled) == (20, 3 / 8, None)

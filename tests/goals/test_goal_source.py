from itertools import islice
from random import Random

import pytest

from surefoot.goals import FAMILIES, FamilySource, GoalsConfig, make_source
from surefoot.records.errors import GoalError


def test_streams_go_round_the_families_and_end_where_told() -> None:
    source = FamilySource(seed=1, sizes={"valid": 8})
    names = [goal.family for goal in source.goals("valid")]
    assert names == [*FAMILIES, *list(FAMILIES)[:2]]
    assert len(list(islice(source.goals("train"), 50))) == 50


def test_a_goal_can_be_drawn_alone_by_its_key() -> None:
    source = FamilySource(seed=1)
    for goal in islice(source.goals("test"), 12):
        assert source.goal(goal.key) == goal


@pytest.mark.parametrize("key", ["find/test/x", "fly/test/1", "find", "", "find/nowhere/0"])
def test_an_unknown_key_is_refused(key: str) -> None:
    with pytest.raises(GoalError, match="surefoot goals list"):
        FamilySource().goal(key)


def test_the_split_in_a_key_must_be_the_goals() -> None:
    goal = next(FamilySource().goals("test"))
    with pytest.raises(GoalError):
        FamilySource().goal(goal.key.replace("test", "train"))


def test_sources_that_cannot_be_are_refused() -> None:
    with pytest.raises(GoalError, match="at least one family"):
        FamilySource([])
    with pytest.raises(GoalError, match="share a name"):
        FamilySource([FAMILIES["find"], FAMILIES["find"]])
    with pytest.raises(GoalError, match="no goal family 'fly'"):
        make_source(GoalsConfig(families=("fly",)))
    goal = next(FamilySource([FAMILIES["find"]]).goals("train"))
    with pytest.raises(GoalError, match="of no family known here"):
        FamilySource([FAMILIES["edit"]]).check(goal)


def test_a_configuration_names_families_of_ones_own_too() -> None:
    source = make_source(
        GoalsConfig(families=("find", "mine"), test=3),
        [type(FAMILIES["find"])(**{**vars(FAMILIES["edit"]), "name": "mine"})],
    )
    assert [goal.family for goal in source.goals("test")] == ["find", "mine", "find"]


@pytest.mark.parametrize("family", FAMILIES.values(), ids=FAMILIES)
def test_goals_of_a_family_differ_and_keep_its_bounds(family) -> None:  # type: ignore[no-untyped-def]
    bounds = {
        "find": {2},
        "edit": {2, 3},
        "move": {2, 3},
        "database": {2, 3, 4},
        "chain": set(range(3, 9)),
        "repair": set(range(3, 13)),
    }
    drafts = [family.make(Random(seed)) for seed in range(400)]
    assert {draft.horizon for draft in drafts} == bounds[family.name]
    assert len({draft.world.model_dump_json() for draft in drafts}) == 400
    wordings = {draft.prompt.split()[0] for draft in drafts}
    assert len(wordings) >= 2
    for draft in drafts:
        assert 4 <= len(draft.world.tools) <= 6
        assert draft.prompt == draft.prompt.lower()

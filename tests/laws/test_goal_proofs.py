"""Every goal proves itself, whatever surrounds it: for each family, format and perturbation the
reference earns 1, doing nothing 0, every wrong solution less than 1, and two runs agree."""

import asyncio
import itertools
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import pytest

from surefoot.environments import Workspace
from surefoot.evals.proof import Proof, Yard, prove
from surefoot.formats import FORMATS
from surefoot.goals import FAMILIES, FamilySource
from surefoot.perturbations import PERTURBATIONS
from surefoot.records import Goal, Variation
from surefoot.records.errors import MachineError
from surefoot.sandbox import SandboxConfig, Sandboxes

NONE_OR_ONE = [(), *itertools.combinations(PERTURBATIONS, 1)]
TWO = list(itertools.combinations(PERTURBATIONS, 2))


class Case(NamedTuple):
    family: str
    form: str
    perturbations: tuple[str, ...]


def covering(columns: Sequence[Sequence[object]]) -> Iterator[tuple[object, ...]]:
    """Rows in which every pair of values of two columns occurs (greedy, deterministic)."""
    places = list(itertools.combinations(range(len(columns)), 2))
    rows = list(itertools.product(*columns))
    open_pairs = {(a, b, row[a], row[b]) for row in rows for a, b in places}
    while open_pairs:
        row = max(rows, key=lambda r: sum((a, b, r[a], r[b]) in open_pairs for a, b in places))
        open_pairs -= {(a, b, row[a], row[b]) for a, b in places}
        yield row


def variation(case: Case, number: int) -> Variation:
    return Variation(
        name="law",
        format=case.form,
        perturbations=case.perturbations,
        held_out_names=number % 2 == 0,
        held_out_format=number % 3 == 0,
        seed=number,
    )


async def problems(cases: Sequence[Case], driver: str = "local") -> list[Proof]:
    """What is wrong with one goal a case, each a goal of its own."""
    source = FamilySource(seed=11)
    streams = {name: FamilySource([family], 11).goals("test") for name, family in FAMILIES.items()}
    workspace = Workspace()
    gate = asyncio.Semaphore(4)

    async def one(number: int, case: Case, goal: Goal) -> list[Proof]:
        async with gate:
            return await prove(source, yard, [goal], [variation(case, number)])

    async with Sandboxes(SandboxConfig.model_validate({"driver": driver})) as sandboxes:
        yard = Yard(environments={"workspace": workspace}, sandboxes=sandboxes.create)
        jobs = [one(number, case, next(streams[case.family])) for number, case in enumerate(cases)]
        found = await asyncio.gather(*jobs)
    workspace.close()
    proved = [proof for proofs in found for proof in proofs]
    assert len(proved) == sum(2 + len(FAMILIES[case.family].wrong) for case in cases)
    return [proof for proof in proved if proof.problem]


def test_the_covering_array_covers_every_pair() -> None:
    rows = list(covering([range(4), range(3), range(5)]))
    for (a, first), (b, second) in itertools.combinations(enumerate((4, 3, 5)), 2):
        assert {(row[a], row[b]) for row in rows} == set(
            itertools.product(range(first), range(second))
        )
    assert len(rows) < 4 * 3 * 5


async def test_each_family_proves_itself_under_pairs_of_format_and_perturbation() -> None:
    cases = [Case(*row) for row in covering([list(FAMILIES), list(FORMATS), NONE_OR_ONE])]
    assert await problems(cases) == []


@pytest.mark.slow
@pytest.mark.timeout(600)
async def test_each_family_proves_itself_under_each_format_and_perturbation() -> None:
    cases = [Case(*row) for row in itertools.product(FAMILIES, FORMATS, NONE_OR_ONE)]
    assert await problems(cases) == []


@pytest.mark.slow
@pytest.mark.timeout(600)
async def test_each_family_proves_itself_under_pairs_of_perturbations() -> None:
    cases = [Case(*row) for row in covering([list(FAMILIES), list(FORMATS), TWO])]
    assert await problems(cases) == []


@pytest.mark.sandbox
async def test_each_family_proves_itself_in_the_real_sandbox() -> None:
    cases = [Case(name, "hermes", ()) for name in FAMILIES]
    try:
        assert await problems(cases, "bubblewrap") == []
    except MachineError as refused:
        pytest.skip(str(refused))

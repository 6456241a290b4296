"""From judged rows to a summary: a pure function.

    rows --by policy and surroundings--> Estimate, Difference --> Line ... --> Summary

Not here: reading a store (`report.py`), the formulas (`statistics.py`), the pairing
(`compare.py`), the sentences (`wording.py`).
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import product

from surefoot.evals import compare, wording
from surefoot.evals.statistics import Difference
from surefoot.evals.suites import Suite
from surefoot.evals.summary import AFTER, BEFORE, Cost, Line, Material, Summary, Training
from surefoot.perturbations.draw import TOOL_PERTURBATIONS
from surefoot.records import Judged
from surefoot.rollout.agents import FLOORS


def summarise(material: Material, suite: Suite) -> Summary:
    """Counts, compares and words `material`, whose rows come from one evaluation under `suite`.

    Raises:
        ValueError: no row belongs to a policy under the suite's headline cell.
    """
    names = list(dict.fromkeys(row.policy for row in material.rows))
    trained = [name for name in names if name not in FLOORS]
    cells = [cell for cell in suite.cells if any(r.variation == cell.name for r in material.rows)]
    if not trained or suite.headline not in {cell.name for cell in cells}:
        raise ValueError(f"nothing was judged under the headline cell {suite.headline}")
    before = BEFORE if BEFORE in trained and len(trained) > 1 else None
    after = AFTER if AFTER in trained else next(name for name in trained if name != before)
    table = _Table(material.rows, before, after)
    counted = Summary(
        title=material.title,
        suite=suite.name,
        before=before,
        after=after,
        controls=tuple(name for name in trained if name not in (before, after)),
        floors=tuple(name for name in FLOORS if name in names),
        headline_cell=suite.headline,
        canonical_cell=suite.canonical,
        held_out_cell=suite.held_out,
        meanings={cell.name: cell.meaning for cell in cells},
        headline="",
        meaning=(),
        limits=(),
        cells=table.lines(("cell",), [(cell.name,) for cell in cells]),
        families=table.lines(("family", "cell"), product(table.families, [c.name for c in cells])),
        surroundings=_sorted(table.lines(("format", "perturbations", "cell")), suite),
        crossed=_sorted(table.lines(("family", "format", "perturbations", "cell")), suite),
        rivals=table.rivals(suite.headline),
        gaps=table.gaps(suite.canonical, suite.held_out),
        gap_change=table.gap_change(suite.canonical, suite.held_out),
        costs=tuple(_cost(name, table.of(name)) for name in names),
        training=_training(material),
        steps=material.steps,
        ended=material.ended,
    )
    return counted.model_copy(
        update={
            "headline": wording.headline(counted),
            "meaning": wording.meaning(counted),
            "limits": wording.limits(counted),
        }
    )


class _Table:
    """Rows of one evaluation, looked up by policy and by what surrounds them."""

    def __init__(self, rows: Sequence[Judged], before: str | None, after: str) -> None:
        self._rows: dict[str, list[Judged]] = defaultdict(list)
        for row in rows:
            self._rows[row.policy].append(row)
        self._before = before
        self._after = after
        self.families = tuple(dict.fromkeys(row.family for row in rows))

    def of(self, policy: str, cell: str | None = None) -> list[Judged]:
        """A policy's rows, of one cell or of all."""
        rows = self._rows[policy]
        return rows if cell is None else [row for row in rows if row.variation == cell]

    def lines(
        self, keys: tuple[str, ...], order: Iterable[tuple[str, ...]] | None = None
    ) -> tuple[Line, ...]:
        """One line for each value of `keys` that occurs, in `order` or as they first occur."""
        found: dict[tuple[str, ...], dict[str, list[Judged]]] = {key: {} for key in order or ()}
        for policy, rows in self._rows.items():
            for row in rows:
                key = tuple(_named(row)[name] for name in keys)
                found.setdefault(key, {}).setdefault(policy, []).append(row)
        return tuple(
            self._line(dict(zip(keys, key, strict=True)), by) for key, by in found.items() if by
        )

    def rivals(self, cell: str) -> dict[str, Difference]:
        """In one cell: after minus each policy but before."""
        mine = self.of(self._after, cell)
        others = [name for name in self._rows if name not in (self._after, self._before)]
        return {name: compare.paired(self.of(name, cell), mine) for name in others}

    def gaps(self, easy: str, hard: str) -> dict[str, Difference]:
        """The gap of each policy that is no floor."""
        names = [name for name in self._rows if name not in FLOORS]
        return {name: compare.gap(self.of(name, easy), self.of(name, hard)) for name in names}

    def gap_change(self, easy: str, hard: str) -> Difference | None:
        """After minus before."""
        if self._before is None:
            return None
        first, last = (
            (self.of(name, easy), self.of(name, hard)) for name in (self._before, self._after)
        )
        return compare.gap_change(first, last)

    def _line(self, keys: Mapping[str, str], by: Mapping[str, Sequence[Judged]]) -> Line:
        difference = None
        if self._before is not None:
            difference = compare.paired(by.get(self._before, ()), by.get(self._after, ()))
        return Line(
            cell=keys.get("cell"),
            family=keys.get("family"),
            format=keys.get("format"),
            perturbations=keys.get("perturbations"),
            success={name: compare.success(rows) for name, rows in by.items()},
            difference=difference,
        )


def _sorted(lines: tuple[Line, ...], suite: Suite) -> tuple[Line, ...]:
    """Lines by family as first seen, then by cell as the suite has them, then by format."""
    families = list(dict.fromkeys(line.family for line in lines))
    cells = [cell.name for cell in suite.cells]

    def place(line: Line) -> tuple[int, int, str]:
        known = str(line.cell)
        at = cells.index(known) if known in cells else len(cells)
        return families.index(line.family), at, str(line.format)

    return tuple(sorted(lines, key=place))


def _named(row: Judged) -> dict[str, str]:
    return {
        "cell": row.variation,
        "family": row.family,
        "format": row.format,
        "perturbations": _perturbations(row.perturbations),
    }


def _perturbations(names: Sequence[str]) -> str:
    if set(names) >= set(TOOL_PERTURBATIONS):
        rest = [name for name in names if name not in TOOL_PERTURBATIONS]
        return " + ".join(["all of tools", *rest])
    return " + ".join(names) or "none"


def _cost(policy: str, rows: Sequence[Judged]) -> Cost:
    whole = [row for row in rows if row.reward is not None]
    count = max(1, len(whole))
    return Cost(
        policy=policy,
        episodes=len(rows),
        faults=len(rows) - len(whole),
        tokens=sum(row.tokens for row in rows),
        tokens_mean=sum(row.tokens for row in whole) / count,
        calls_mean=sum(row.calls for row in whole) / count,
        seconds_mean=sum(row.seconds for row in whole) / count,
    )


def _training(material: Material) -> Training | None:
    if not material.steps and not material.ended:
        return None
    outcomes: dict[str, int] = defaultdict(int)
    for each in material.ended:
        outcomes[f"{each.kind} ({each.reason})" if each.reason else each.kind] += each.episodes

    def total(name: str) -> float | None:
        found = [step.values[name] for step in material.steps if name in step.values]
        return sum(found) if found else None

    def whole(name: str) -> int | None:
        found = total(name)
        return None if found is None else round(found)

    return Training(
        steps=len(material.steps),
        episodes=sum(each.episodes for each in material.ended),
        outcomes=outcomes,
        groups=whole("groups"),
        groups_with_signal=whole("groups_trained"),
        tokens_sampled=whole("tokens_sampled"),
        tokens_trained=whole("tokens_trained"),
        seconds=total("step_seconds"),
    )

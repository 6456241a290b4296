"""A summary on the terminal, and the columns of a live progress bar.

    Summary --> tables for rich, laid out from 80 columns up

The terminal only lays out what stands in the summary. Not here: when progress moves (the loop and
the evaluation own theirs).
"""

from datetime import datetime, timedelta

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    ProgressColumn,
    Task,
    TextColumn,
)
from rich.style import Style
from rich.table import Table
from rich.text import Text

from surefoot.evals.statistics import Estimate
from surefoot.evals.summary import Line, Summary
from surefoot.evals.wording import chance, interval, percent, points, span

ACCENT = "bold cyan"
_SHADES = ("#263230", "#1f403d", "#1a4f4a", "#145e57", "#0e6e65", "#077e73")
_SHORT = {"nothing": "floor:\nnothing", "random": "floor:\nrandom"}


def terminal(summary: Summary) -> RenderableType:
    """The whole summary, to be printed by a rich console of at least 80 columns."""
    parts: list[RenderableType] = [
        Text(f"Surefoot · {summary.title} · suite {summary.suite}", style="dim"),
        Text(),
        Text(summary.headline, style=ACCENT),
        *(Padding(Text(sentence), (1, 0, 0, 0)) for sentence in summary.meaning),
        _title("Success by surroundings, % with 95 % interval"),
        _cells(summary),
        *(
            [_title("Against controls and floors, same cell"), _rivals(summary)]
            * bool(summary.rivals)
        ),
        _title(_family_title(summary)),
        _families(summary),
        _title("By format and perturbation"),
        _surroundings(summary),
    ]
    if summary.training is not None:
        parts += [_title("Training"), _training(summary)]
    parts += [_title("What the evaluation took"), _costs(summary)]
    parts += [_title("What these figures cannot tell")]
    parts += [
        Padding(Text(f"· {sentence}", style="dim"), (0, 0, 0, 1)) for sentence in summary.limits
    ]
    return Group(*parts)


def progress_columns() -> tuple[ProgressColumn, ...]:
    """Columns for `rich.progress.Progress`: what, bar, count, rate, expected end."""
    return (
        TextColumn("{task.description}"),
        BarColumn(bar_width=None),
        MofNCompleteColumn(),
        RateColumn(),
        EndColumn(),
    )


class RateColumn(ProgressColumn):
    """Units a second; a minute where they are slower than one a second."""

    def render(self, task: Task) -> Text:
        """`12.3/s`, `4.1/min`, or a dash before the first is done."""
        speed = task.finished_speed or task.speed
        if not speed:
            return Text("–/s", style="dim")
        if speed < 1:
            return Text(f"{60 * speed:.1f}/min")
        return Text(f"{speed:.1f}/s")


class EndColumn(ProgressColumn):
    """Time left and the clock time of the expected end; time taken once done."""

    max_refresh = 0.5

    def render(self, task: Task) -> Text:
        """`0:03:20 left, ends 14:32`."""
        if task.finished:
            return Text(f"took {_clock(task.finished_time or 0)}", style="dim")
        if task.time_remaining is None:
            return Text("end unknown", style="dim")
        end = datetime.now().astimezone() + timedelta(seconds=task.time_remaining)
        return Text(f"{_clock(task.time_remaining)} left, ends {end:%H:%M}", style="dim")


def _clock(seconds: float) -> str:
    return str(timedelta(seconds=round(seconds)))


def _title(words: str) -> RenderableType:
    return Padding(Text(words, style="bold"), (1, 0, 0, 0))


def _table(*columns: str, left: int = 1) -> Table:
    table = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False, header_style="dim")
    for number, name in enumerate(columns):
        table.add_column(
            name,
            justify="left" if number < left else "right",
            no_wrap=True,
            vertical="bottom",
        )
    return table


def _cells(summary: Summary) -> Table:
    table = _table("", *_figure_columns(summary))
    for line in summary.cells:
        style = ACCENT if line.cell == summary.headline_cell else ""
        table.add_row(str(line.cell), *_figures(summary, line, intervals=True), style=style)
    gaps = [
        f"{points(gap.value)} {span(gap)}"
        for gap in map(summary.gaps.get, _compared(summary))
        if gap
    ]
    if summary.gap_change is not None:
        change = f"{points(summary.gap_change.value)} {span(summary.gap_change)}"
        tail = [change, _p(summary.gap_change.p)]
    else:
        tail = []
    table.add_row("gap", *gaps, *tail, style="dim")
    return table


def _rivals(summary: Summary) -> Table:
    """Controls and floors in the headline cell, and how far the policy is above them."""
    table = _table("", "success", "policy minus it", "p")
    for name, difference in summary.rivals.items():
        kind = "floor" if name in summary.floors else "control"
        above = f"{points(difference.value)} {span(difference)}"
        own = _share(summary.main.success.get(name), True)
        table.add_row(f"{kind}: {name}", own, above, _p(difference.p))
    return table


def _compared(summary: Summary) -> list[str]:
    """Before (where there is one) and after: controls stand in a table of their own."""
    return [name for name in (summary.before, summary.after) if name is not None]


def _figure_columns(summary: Summary) -> list[str]:
    change = ["change", "p"] if summary.before else []
    return [*_compared(summary), *change, *(_SHORT[name] for name in summary.floors)]


def _figures(summary: Summary, line: Line, *, intervals: bool) -> list[str]:
    said = [_share(line.success.get(name), intervals) for name in _compared(summary)]
    if summary.before and line.difference is not None:
        both = f"{points(line.difference.value)} {span(line.difference)}"
        said += [both if intervals else points(line.difference.value), _p(line.difference.p)]
    return said + [_share(line.success.get(name), False) for name in summary.floors]


def _share(estimate: Estimate | None, with_interval: bool) -> str:
    if estimate is None or estimate.value is None:
        return "–"
    number = percent(estimate.value).removesuffix(" %")
    return f"{number} {interval(estimate)}" if with_interval else number


def _p(p: float | None) -> str:
    return "–" if p is None else chance(p).removeprefix("p ").removeprefix("= ").replace("< ", "<")


def _family_title(summary: Summary) -> str:
    return "By family, % before›after" if summary.before else "By family, %"


def _families(summary: Summary) -> Table:
    by = {(line.family, line.cell): line for line in summary.families}
    cells = [str(line.cell) for line in summary.cells]
    table = Table(box=None, padding=(0, 0), pad_edge=False, header_style="dim")
    table.add_column("", no_wrap=True)
    for cell in cells:
        table.add_column(cell, justify="center", no_wrap=True, min_width=9)
    for family in dict.fromkeys(line.family for line in summary.families):
        squares = [_square(summary, by.get((family, cell))) for cell in cells]
        table.add_row(f"{family} ", *squares)
    return table


def _square(summary: Summary, line: Line | None) -> Text:
    if line is None or (after := line.success.get(summary.after)) is None or after.value is None:
        return Text("–", style="dim")
    shade = _SHADES[min(len(_SHADES) - 1, int(after.value * len(_SHADES)))]
    number = _share(after, False)
    before = line.success.get(summary.before) if summary.before else None
    words = f"{_share(before, False)}›{number}" if before is not None else number
    return Text(f"{words:^9}", style=Style(bgcolor=shade, color="white"))


def _surroundings(summary: Summary) -> Table:
    table = _table("format", "perturbed", "cell", *_figure_columns(summary), left=3)
    for line in summary.surroundings:
        known = (str(line.format), str(line.perturbations), str(line.cell))
        style = ACCENT if line.cell == summary.headline_cell else ""
        table.add_row(*known, *_figures(summary, line, intervals=False), style=style)
    return table


def _training(summary: Summary) -> RenderableType:
    training = summary.training
    if training is None:
        return Text()
    words = [f"{training.steps} steps", f"{training.episodes} episodes"]
    if training.signal_share is not None:
        words.append(f"yield {percent(training.signal_share)} of groups")
    if training.tokens_sampled is not None:
        words.append(f"{training.tokens_sampled / 1000:.0f}k tokens sampled")
    if training.tokens_trained is not None:
        words.append(f"{training.tokens_trained / 1000:.0f}k trained")
    if training.seconds is not None:
        words.append(f"{_clock(training.seconds)} h")
    table = _table("outcome", "episodes", "share")
    for name, count in training.outcomes.items():
        share = f"{100 * count / max(1, training.episodes):.1f} %"
        table.add_row(name.replace("_", " "), str(count), share)
    return Group(Text(", ".join(words)), Text(), table)


def _costs(summary: Summary) -> Table:
    table = _table(
        "policy", "episodes", "faults", "tokens", "tokens/ep.", "calls/ep.", "seconds/ep."
    )
    for cost in summary.costs:
        table.add_row(
            cost.policy,
            str(cost.episodes),
            str(cost.faults),
            str(cost.tokens),
            f"{cost.tokens_mean:.0f}",
            f"{cost.calls_mean:.1f}",
            f"{cost.seconds_mean:.2f}",
        )
    return table

"""What the figures mean, in sentences that a reader without statistics can use.

Pure functions of a summary's figures. The headline says what was found, the meaning what it is
worth, the limits what cannot be told from a sample of this size, and what size could.
"""

from math import floor, log10

from surefoot.evals.statistics import Difference, Estimate, goals_needed
from surefoot.evals.summary import Summary

SURE = 0.05
"""A difference counts as told where its p is below this."""

TARGET = 0.10
"""The difference that `limits` sizes an evaluation for."""

_FLOOR_WORDS = {"nothing": "doing nothing", "random": "calling tools at random"}
_COUNTED = 12
"""Fewer attempts than this in a figure, and the figure is called a sketch."""


def percent(share: float | None) -> str:
    """`0.443` -> `44 %`; a dash where nothing was measured."""
    return "–" if share is None else f"{100 * share:.0f} %"


def points(share: float | None) -> str:
    """`0.12` -> `+12`; percentage points with their sign."""
    if share is None:
        return "–"
    whole = round(100 * share)
    return "0" if whole == 0 else f"{whole:+d}".replace("-", "−")


def interval(estimate: Estimate) -> str:
    """`[36, 53]`, in percent."""
    if estimate.low is None or estimate.high is None:
        return "[not measured]"
    return f"[{100 * estimate.low:.0f}, {100 * estimate.high:.0f}]"


def span(difference: Estimate) -> str:
    """`[+25, +42]`, in percentage points."""
    if difference.low is None or difference.high is None:
        return "[not measured]"
    return f"[{points(difference.low)}, {points(difference.high)}]"


def chance(p: float | None) -> str:
    """`p = 0.03`, `p < 0.0001`."""
    if p is None:
        return "p not measured"
    if p < 0.0001:
        return "p < 0.0001"
    return f"p = {p:.4f}" if p < 0.01 else f"p = {p:.2f}"


def headline(summary: Summary) -> str:
    """The first sentence of every report."""
    line = summary.main
    after = line.success[summary.after]
    where = f"With {summary.meanings[summary.headline_cell]}"
    goals = f"{after.goals} test goals"
    difference = line.difference
    if summary.before is None or difference is None:
        return f"{where}, success is {percent(after.value)} {interval(after)} on {goals}."
    before = line.success[summary.before]
    return (
        f"{where}, success {_moved(difference)} from {percent(before.value)} {interval(before)} "
        f"to {percent(after.value)} {interval(after)} on {goals}; the paired difference is "
        f"{points(difference.value)} points {span(difference)}, {chance(difference.p)}."
    )


def meaning(summary: Summary) -> tuple[str, ...]:
    """What the figures are worth: the difference, the floors and controls, the gap."""
    said = [_difference_means(summary), _rivals_mean(summary), _gap_means(summary)]
    return tuple(sentence for sentence in said if sentence)


def limits(summary: Summary) -> tuple[str, ...]:
    """What cannot be told from this evaluation, and what size could tell it."""
    said = [
        _too_few_for_difference(summary),
        *(_too_few_for_gap(summary, name) for name in summary.gaps),
        _thin_figures(summary),
        _faults(summary),
        "Each interval holds its true figure 95 times in 100 by itself; among the many figures of "
        "this report, about one in twenty misses. Intervals are over test goals, for this policy: "
        "they do not say how another training seed would end.",
    ]
    return tuple(sentence for sentence in said if sentence)


def _moved(difference: Difference) -> str:
    if difference.p is None or difference.value is None or difference.p >= SURE:
        return "did not change by more than chance explains: it went"
    return "rose" if difference.value > 0 else "fell"


def _difference_means(summary: Summary) -> str:
    difference = summary.main.difference
    if difference is None or difference.value is None or difference.p is None:
        return ""
    count = abs(round(100 * difference.value))
    if difference.p >= SURE:
        return (
            "Whether training changed anything there cannot be told: a difference of this size "
            f"would turn up by luck in {percent(difference.p)} of evaluations of a policy that "
            "did not change."
        )
    what = "more" if difference.value > 0 else "fewer"
    return (
        f"Of 100 new goals in these surroundings, the policy now solves about "
        f"{count} {what} than before. Had training changed nothing, luck alone would show a "
        f"difference this large {_rarely(difference.p)}."
    )


def _rarely(p: float) -> str:
    if p < 1e-6:
        return "less than once in a million evaluations"
    digits = 1 - floor(log10(1 / p))
    often = f"{round(1 / p, digits):,.0f}".replace(",", "\u202f")
    return f"about once in {often} evaluations"


def _rivals_mean(summary: Summary) -> str:
    line = summary.main
    floors = [
        f"{_FLOOR_WORDS[name]} earns {percent(line.success[name].value)}"
        for name in summary.floors
        if name in line.success
    ]
    controls = [
        f"the control {name} reaches {percent(line.success[name].value)} "
        f"(the policy is {points(summary.rivals[name].value)} points "
        f"{span(summary.rivals[name])} from it)"
        for name in summary.controls
        if name in line.success
    ]
    return _sentence("For comparison, on the same goals ", floors + controls)


def _gap_means(summary: Summary) -> str:
    after = summary.gaps.get(summary.after)
    if after is None or after.value is None or not summary.gap_measurable(summary.after):
        return ""
    easy, hard = summary.meanings[summary.canonical_cell], summary.meanings[summary.held_out_cell]
    where = f"The adaptation gap (success with {easy}, minus success with {hard})"
    change = summary.gap_change
    if change is None or summary.before is None:
        return f"{where} is {points(after.value)} points {span(after)}."
    before = summary.gaps[summary.before]
    if not summary.gap_measurable(summary.before):
        return (
            f"{where} is {points(after.value)} points {span(after)}; before, success was too low "
            "for a gap to be told."
        )
    return (
        f"{where} went from {points(before.value)} points {span(before)} to {points(after.value)} "
        f"{span(after)}; the change is {points(change.value)} {span(change)}, {chance(change.p)}."
    )


def _too_few_for_difference(summary: Summary) -> str:
    difference = summary.main.difference
    if difference is None or difference.p is None or difference.p < SURE:
        return ""
    return (
        f"With {difference.goals} goals, a difference below about "
        f"{100 * difference.half_width:.0f} points cannot be told from none; to tell "
        f"{100 * TARGET:.0f} points takes about {goals_needed(difference, TARGET)} goals."
    )


def _too_few_for_gap(summary: Summary, policy: str) -> str:
    gap = summary.gaps[policy]
    if summary.gap_measurable(policy):
        return ""
    canonical = summary.canonical(policy)
    success = canonical.value if canonical is not None else None
    size = (
        f"about {goals_needed(gap, success)} goals would do"
        if success
        else "no number of goals helps while nothing is solved there"
    )
    return (
        f"The adaptation gap of {policy} is not measurable at this sample size: canonical success "
        f"is {percent(success)}, the gap's interval is ±{100 * gap.half_width:.0f} points; {size}."
    )


def _thin_figures(summary: Summary) -> str:
    counts = [
        line.success[summary.after].units
        for line in summary.families
        if summary.after in line.success
    ]
    if not counts:
        return ""
    widest = max(
        line.success[summary.after].half_width
        for line in summary.families
        if summary.after in line.success
    )
    kind = "a sketch" if min(counts) <= _COUNTED else "an estimate"
    return (
        f"A figure of one family in one cell stands on {_count(counts)} attempts "
        f"(±{100 * widest:.0f} points at most): {kind}, not a verdict on the family."
    )


def _count(counts: list[int]) -> str:
    low, high = min(counts), max(counts)
    return str(low) if low == high else f"{low} to {high}"


def _faults(summary: Summary) -> str:
    faults = sum(cost.faults for cost in summary.costs)
    if not faults:
        return ""
    episodes = sum(cost.episodes for cost in summary.costs)
    were = "episode ended in a fault of ours and is" if faults == 1 else (
        "episodes ended in a fault of ours and are"
    )  # fmt: skip
    return (
        f"{faults} of {episodes} {were} left out of every figure, as is the other half of each "
        "pair; a fault is never counted as a failure."
    )


def _sentence(start: str, parts: list[str]) -> str:
    if not parts:
        return ""
    last = parts[-1] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
    return f"{start}{last}."

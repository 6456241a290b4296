# pyright: basic
"""Pictures of a summary as SVG text that takes its colours and its type from the page around it.

    figure --matplotlib--> SVG with stand-in colours --> the page's own variables (light or dark)

Pure functions of a summary; nothing is drawn where nothing was measured (None). Each picture comes
with a text that says the same. No global state of matplotlib is changed for good, and the same
summary gives the same bytes.
"""

import io
import re
from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import NamedTuple

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from surefoot.evals.statistics import Estimate
from surefoot.evals.summary import Ended, Summary
from surefoot.evals.wording import percent

INK, FAINT, RULE, ACCENT, BEFORE, CONTROL, FAULT, PAPER = (
    "#010101", "#020202", "#030303", "#040404", "#050505", "#060606", "#070707", "#080808",
)  # fmt: skip
_VARIABLES = {
    INK: "ink", FAINT: "faint", RULE: "rule", ACCENT: "accent", BEFORE: "before",
    CONTROL: "control", FAULT: "fault", PAPER: "paper",
}  # fmt: skip

_STYLE = {
    "svg.fonttype": "none",
    "svg.image_inline": True,
    "font.size": 10,
    "text.color": INK,
    "axes.edgecolor": RULE,
    "axes.labelcolor": FAINT,
    "axes.titlecolor": INK,
    "axes.titlesize": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.spines.left": False,
    "axes.grid": True,
    "axes.grid.axis": "y",
    "axes.axisbelow": True,
    "grid.color": RULE,
    "grid.linewidth": 0.7,
    "xtick.color": FAINT,
    "ytick.color": FAINT,
    "xtick.major.size": 0,
    "ytick.major.size": 0,
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "legend.frameon": False,
    "legend.fontsize": 10,
}

_SHOWN = {
    "loss": "loss",
    "entropy_estimate": "entropy, nats a token",
    "gradient_norm": "norm of the gradient",
    "clipped_share": "share of tokens clipped",
    "ratio_mean": "mean ratio to the sampler",
    "parity_max": "engine against trainer, nats",
    "lag_mean": "versions behind, mean",
    "groups_trained": "groups with signal",
    "tokens_sampled": "tokens sampled",
    "tokens_trained": "tokens trained",
    "learning_rate": "learning rate",
    "step_seconds": "seconds a step",
}
"""Training metrics that have a small picture, in order, with the words over them."""


class Picture(NamedTuple):
    """An SVG element without prologue, and the text that stands for it."""

    svg: str
    alt: str


def bars(summary: Summary) -> Picture:
    """Success by cell: before, after and controls as bars with intervals, floors as ticks."""
    lines = summary.cells
    shown = [name for name in summary.policies if name not in summary.floors]
    colours = {summary.before: BEFORE, summary.after: ACCENT}
    width = 0.72 / len(shown)
    with _drawing("bars"):
        figure = Figure(figsize=(9.2, 3.9), layout="constrained")
        axes = figure.subplots()
        for number, name in enumerate(shown):
            at = np.arange(len(lines)) + (number - (len(shown) - 1) / 2) * width
            found = [line.success.get(name) for line in lines]
            _bars(axes, at, found, width * 0.9, (colours.get(name, CONTROL), name))
        for number, name in enumerate(summary.floors):
            floors = [line.success.get(name) for line in lines]
            values = [np.nan if f is None or f.value is None else f.value for f in floors]
            at = np.arange(len(lines))
            axes.hlines(
                values, at - 0.4, at + 0.4, colors=INK, lw=1.3,
                ls=("solid", (0, (2, 2)))[number % 2], label=f"floor: {name}",
            )  # fmt: skip
        axes.set_xticks(range(len(lines)), [str(line.cell) for line in lines])
        axes.tick_params(axis="x", labelcolor=INK)
        _share_axis(axes)
        figure.legend(loc="outside upper left", ncols=len(shown) + 2, handlelength=1.1)
        said = "; ".join(
            f"{line.cell}: "
            + ", ".join(f"{name} {percent(e.value)}" for name, e in line.success.items())
            for line in lines
        )
        return Picture(_svg(figure), f"Success by surroundings. {said}.")


def curve(summary: Summary) -> Picture | None:
    """Success of training episodes by step, with a running mean."""
    steps, solved = _by_step(summary.ended)
    if len(steps) < 2:
        return None
    smooth = _smooth(solved)
    with _drawing("curve"):
        figure = Figure(figsize=(9.2, 3.0), layout="constrained")
        axes = figure.subplots()
        axes.plot(steps, solved, "o", ms=3, mew=0, color=BEFORE, label="one step")
        axes.plot(steps, smooth, color=ACCENT, lw=2.2, label="running mean")
        _share_axis(axes)
        axes.set_xlabel("training step")
        axes.xaxis.set_major_locator(MaxNLocator(8, integer=True))
        figure.legend(loc="outside upper left", ncols=2, handlelength=1.1)
        alt = (
            f"Success of training episodes over {len(steps)} steps; the running mean goes from "
            f"{percent(smooth[0])} to {percent(smooth[-1])}."
        )
        return Picture(_svg(figure), alt)


def outcomes(summary: Summary) -> Picture | None:
    """How the episodes sent out for each step ended, stacked."""
    kinds = [
        ("trained", ACCENT), ("filtered", BEFORE), ("stale", CONTROL), ("cancelled", RULE),
        ("fault", FAULT),
    ]  # fmt: skip
    steps = sorted({each.step for each in summary.ended})
    if len(steps) < 2:
        return None
    counts = {
        kind: np.array(
            [sum(e.episodes for e in summary.ended if (e.step, e.kind) == (s, kind)) for s in steps]
        )
        for kind, _ in kinds
    }
    with _drawing("outcomes"):
        figure = Figure(figsize=(9.2, 2.6), layout="constrained")
        axes = figure.subplots()
        base = np.zeros(len(steps))
        for kind, colour in kinds:
            if counts[kind].any():
                axes.bar(steps, counts[kind], bottom=base, color=colour, width=0.86, label=kind)
                base = base + counts[kind]
        axes.set_xlabel("training step")
        axes.set_ylabel("episodes")
        axes.margins(x=0.01)
        axes.xaxis.set_major_locator(MaxNLocator(8, integer=True))
        axes.yaxis.set_major_locator(MaxNLocator(4, integer=True))
        figure.legend(loc="outside upper left", ncols=5, handlelength=0.9, handleheight=0.9)
        said = ", ".join(f"{kind} {int(n.sum())}" for kind, n in counts.items() if n.any())
        return Picture(_svg(figure), f"Outcomes of training episodes by step. In all: {said}.")


def multiples(summary: Summary) -> Picture | None:
    """Training metrics by step, one small picture each."""
    names = [n for n in _SHOWN if sum(n in step.values for step in summary.steps) > 1]
    if not names:
        return None
    rows = -(-len(names) // 4)
    with _drawing("multiples"):
        figure = Figure(figsize=(9.2, 1.62 * rows), layout="constrained")
        figure.get_layout_engine().set(h_pad=0.09, w_pad=0.09)  # pyright: ignore
        grid = figure.subplots(rows, 4, squeeze=False).ravel()
        for axes, name in zip(grid, names, strict=False):
            points = [(s.step, s.values[name]) for s in summary.steps if name in s.values]
            at, values = np.array(points, dtype=float).T
            axes.plot(at, values, color=BEFORE, lw=0.9)
            axes.plot(at, _smooth(values), color=ACCENT, lw=1.7)
            axes.set_title(_SHOWN[name], loc="left", fontsize=8.5, color=INK)
            axes.tick_params(labelsize=7.5)
            axes.xaxis.set_major_locator(MaxNLocator(3, integer=True))
            axes.yaxis.set_major_locator(MaxNLocator(3))
            axes.ticklabel_format(axis="y", scilimits=(-3, 5), useOffset=False)
            axes.yaxis.get_offset_text().set_size(7)
        for axes in grid[len(names) :]:
            axes.set_visible(False)
        first, last = summary.steps[0].values, summary.steps[-1].values
        said = ", ".join(
            f"{_SHOWN[n]} {first[n]:.3g} to {last[n]:.3g}"
            for n in names
            if n in first and n in last
        )
        return Picture(_svg(figure), f"Training metrics from the first step to the last: {said}.")


def _drawing(name: str) -> AbstractContextManager[None]:
    """Matplotlib's settings for one picture; `name` keeps its ids apart from other pictures'."""
    return mpl.rc_context({**_STYLE, "svg.hashsalt": name})  # pyright: ignore[reportArgumentType]


def _bars(
    axes: Axes,
    at: np.ndarray,
    found: Sequence[Estimate | None],
    width: float,
    look: tuple[str, str],
) -> None:
    known = [e if e is not None and e.value is not None else None for e in found]
    values = np.array([np.nan if e is None else e.value for e in known], dtype=float)
    lows = np.array([np.nan if e is None else e.low for e in known], dtype=float)
    highs = np.array([np.nan if e is None else e.high for e in known], dtype=float)
    axes.bar(at, values, width, color=look[0], label=look[1])
    axes.vlines(at, lows, highs, colors=INK, lw=1.1)


def _share_axis(axes: Axes) -> None:
    axes.set_ylim(-0.005, 1.005)
    axes.set_yticks([0, 0.25, 0.5, 0.75, 1])
    axes.yaxis.set_major_formatter(PercentFormatter(1, symbol=" %"))


def _by_step(ended: Sequence[Ended]) -> tuple[list[int], np.ndarray]:
    steps = sorted({each.step for each in ended if each.rewarded})
    of = {s: [each for each in ended if each.step == s] for s in steps}
    shares = [sum(e.solved for e in of[s]) / sum(e.rewarded for e in of[s]) for s in steps]
    return steps, np.array(shares)


def _smooth(values: np.ndarray) -> np.ndarray:
    """Mean over a centred window of a tenth of the steps; shorter at the ends."""
    half = max(1, len(values) // 20)
    return np.array([values[max(0, i - half) : i + half + 1].mean() for i in range(len(values))])


def _svg(figure: Figure) -> str:
    out = io.StringIO()
    figure.savefig(out, format="svg", metadata={"Date": None, "Creator": None})
    text = out.getvalue()
    text = text[text.index("<svg") :]
    for stand_in, name in _VARIABLES.items():
        text = text.replace(stand_in, f"var(--{name})")
    text = re.sub(r"font: ([\d.]+px)[^;\"]*", r"font-size: \1", text)
    text = re.sub(r'<g id="[^"]*"', "<g", text)
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    return re.sub(
        r'(<svg[^>]*?) width="[^"]*"', r"\1", re.sub(r' height="[\d.]+pt"', "", text), count=1
    )

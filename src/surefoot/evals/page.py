"""A summary as one self-contained HTML page: no script, nothing loaded from elsewhere.

    Summary --plots--> SVG --+
            ----------------+--> page.html.jinja --> text

Reads well in light and in dark, on paper and on a narrow screen; each picture has a text that says
the same. The page only lays out what stands in the summary.
"""

import re

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from surefoot.evals import plots, wording
from surefoot.evals.summary import Summary


def page(summary: Summary) -> str:
    """The whole page as text."""
    templates = Environment(
        loader=PackageLoader("surefoot", "evals"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    templates.filters["percent"] = wording.percent
    templates.filters["points"] = wording.points
    templates.filters["interval"] = wording.interval
    templates.filters["span"] = wording.span
    templates.filters["chance"] = wording.chance
    templates.filters["firm"] = _firm
    templates.filters["count"] = _count
    templates.filters["minutes"] = _minutes
    pictures = {
        "bars": plots.bars(summary),
        "curve": plots.curve(summary),
        "outcomes": plots.outcomes(summary),
        "multiples": plots.multiples(summary),
    }
    return templates.get_template("page.html.jinja").render(
        s=summary,
        families=_squares(summary),
        pictures={
            name: (Markup(picture.svg), picture.alt)
            for name, picture in pictures.items()
            if picture is not None
        },
    )


def _squares(summary: Summary) -> dict[str, list[dict[str, object]]]:
    """Family -> one square a cell, in the order of the cells."""
    by = {(line.family, line.cell): line for line in summary.families}
    names = dict.fromkeys(str(line.family) for line in summary.families)
    return {
        name: [{"line": by.get((name, cell.cell)), "cell": cell.cell} for cell in summary.cells]
        for name in names
    }


def _firm(sentence: str) -> str:
    """Spaces that must not break a line: before a percent sign, in an interval, around a p."""
    firm = re.sub(r" (?=%)|(?<=p) (?=[<=])|(?<=[<=]) |(?<=,) (?=[+−\d]+\])", "\u00a0", sentence)
    return re.sub(r"(?<=\d) (?=\[)", "\u00a0", firm)


def _count(number: float) -> str:
    """`12345` -> `12 345`, with a narrow space that does not break."""
    return f"{number:,.0f}".replace(",", "\u202f")


def _minutes(seconds: float) -> str:
    """`399` -> `6 min 39 s`."""
    whole = round(seconds)
    return f"{whole} s" if whole < 120 else f"{whole // 60} min {whole % 60} s"

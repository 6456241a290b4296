import io
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from rich.cells import cell_len
from rich.console import Console
from rich.progress import Progress

from evals.fakes import material, rows
from store.made import dispatch, ended, metrics, version
from surefoot.evals.page import page
from surefoot.evals.report import gather, report, write_report
from surefoot.evals.suites import suite
from surefoot.evals.summarise import summarise
from surefoot.evals.summary import Material, Summary
from surefoot.evals.terminal import progress_columns, terminal
from surefoot.store import memory_store

QUICK = suite("quick")
VOID = {"meta", "br", "link", "img", "input", "hr"}
KINDS = ("trained", "filtered", "fault")


class Reader(HTMLParser):
    """Text, ids, labels and what is left open."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.labels: list[str] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in VOID:
            self.open.append(tag)
        for name, value in attrs:
            if name == "id":
                self.ids.append(str(value))
            if name == "aria-label":
                self.labels.append(str(value))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.ids += [str(value) for name, value in attrs if name == "id"]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.fixture(scope="module")
def summary() -> Summary:
    return summarise(material("before", "after", "supervised", "nothing", "random"), QUICK)


@pytest.fixture(scope="module")
def text(summary: Summary) -> str:
    return page(summary)


def printed(summary: Summary, width: int) -> str:
    console = Console(width=width, file=io.StringIO(), color_system=None)
    console.print(terminal(summary))
    return console.file.getvalue()


def test_the_page_is_well_formed_and_its_ids_are_unique(text: str) -> None:
    reader = Reader(text)
    assert reader.open == []
    assert len(set(reader.ids)) == len(reader.ids)


def test_the_page_opens_with_the_headline(summary: Summary, text: str) -> None:
    first = Reader(text[text.index("<h1>") : text.index("</h1>") + 5]).text
    assert first.replace("\u00a0", " ") == summary.headline


def test_the_page_loads_nothing_and_runs_nothing(text: str) -> None:
    assert "<script" not in text
    links = re.findall(r"(?:src|href)=\"([^\"]*)\"|url\(([^)]*)\)|@import", text)
    assert all((a or b).startswith("#") for a, b in links)


def test_every_picture_has_words(text: str) -> None:
    labels = [label for label in Reader(text).labels if label]
    assert len(labels) == text.count("<figure") == text.count("<svg") == 4


def test_pictures_take_their_colours_from_the_page(text: str) -> None:
    drawings = "".join(re.findall(r"<svg.*?</svg>", text, flags=re.DOTALL))
    assert "var(--accent)" in drawings
    assert not re.search(r"#0[1-8]0[1-8]0[1-8]|#000000|black", drawings)


def test_the_same_summary_gives_the_same_page(summary: Summary, text: str) -> None:
    assert page(summary) == text


def test_names_from_outside_are_escaped() -> None:
    alone = tuple(r.model_copy(update={"policy": "<b>&"}) for r in rows("before", each=2))
    got = page(summarise(Material(title="<script>x</script>", rows=alone), QUICK))
    assert "<script" not in got
    assert "<b>&" not in got
    assert Reader(got).open == []


@pytest.mark.parametrize("width", [80, 120])
def test_the_terminal_report_fits_and_cuts_nothing(summary: Summary, width: int) -> None:
    said = printed(summary, width)
    assert max(cell_len(line) for line in said.splitlines()) <= width
    assert "…" not in said
    assert " ".join(summary.headline.split()) in " ".join(said.split())


def test_the_terminal_report_of_one_policy_has_no_change() -> None:
    alone = tuple(r.model_copy(update={"policy": "models/x"}) for r in rows("before"))
    said = printed(summarise(Material(title="t", rows=alone), QUICK), 80)
    assert "change" not in said
    assert "models/x" in said


def test_progress_shows_rate_and_expected_end() -> None:
    now = [0.0]
    console = Console(width=100, file=io.StringIO(), force_terminal=True, color_system=None)
    bar = Progress(
        *progress_columns(), console=console, auto_refresh=False, get_time=lambda: now[0]
    )
    task = bar.add_task("steps", total=100)
    for _ in range(20):
        now[0] += 2
        bar.advance(task, 1)
    console.print(bar.get_renderable())
    said = console.file.getvalue()
    assert "20/100" in said
    assert "30.0/min" in said
    assert re.search(r"0:02:40 left, ends \d\d:\d\d", said)


def test_a_report_is_written_beside_its_numbers(tmp_path: Path, summary: Summary) -> None:
    written = write_report(summary, tmp_path / "report")
    assert Summary.model_validate_json(written.summary.read_text()) == summary
    assert written.page.read_text(encoding="utf-8").startswith("<!doctype html>")


def test_a_run_is_gathered_from_its_store() -> None:
    store = memory_store()
    sent = [dispatch(attempt=attempt) for attempt in range(3)]
    asked = sent[0].goal.model_copy(update={"split": "test"})
    evaluated = sent[0].model_copy(update={"step": 0, "number": 7, "goal": asked})
    store.write(*sent, evaluated, ended(evaluated, "fault"), *rows("before"), *rows("after"))
    done = [ended(each, kind) for each, kind in zip(sent, KINDS, strict=True)]
    store.commit(metrics(1), version(1), done)
    got = gather(store, "run")
    assert {(e.step, e.kind, e.episodes) for e in got.ended} == {(1, k, 1) for k in KINDS}
    assert len(got.steps) == 1
    assert report(store, "run", QUICK).headline == summarise(got, QUICK).headline

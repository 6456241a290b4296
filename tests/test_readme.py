"""The documents cannot lie about what a machine can look up."""

import re
import runpy
from pathlib import Path

import pytest
from typer.main import get_command

from surefoot.cli import app

HOUSE = Path(__file__).parents[1]
PAGES = sorted([*HOUSE.glob("*.md"), *HOUSE.glob("docs/*.md"), *HOUSE.glob("examples/*.md")])
MAP = runpy.run_path(str(HOUSE / "scripts" / "tree.py"))


@pytest.mark.parametrize("page", MAP["PAGES"], ids=lambda page: page.name)
def test_the_tree_on_a_page_is_the_tree_of_the_signs(page):
    assert MAP["shown"](page) == MAP["tree"](), "type: python scripts/tree.py --write"


def test_every_room_stands_on_a_floor():
    rooms = {path.parent.name for path in HOUSE.glob("src/surefoot/*/__init__.py")}
    assert rooms and rooms <= {room for floor in MAP["floors"]() for room in floor}


@pytest.mark.parametrize(("page", "ceiling"), [("README.md", 149), ("CONTRIBUTING.md", 99)])
def test_a_page_stays_within_its_ceiling(page, ceiling):
    assert len((HOUSE / page).read_text(encoding="utf-8").splitlines()) <= ceiling


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_between_pages_leads_somewhere(page):
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8")):
        path, _, anchor = target.partition("#")
        if path.startswith(("http:", "https:")):
            continue
        there = (page.parent / path).resolve() if path else page
        assert there.exists(), f"{page.name} points at {target}, which is not there"
        if anchor:
            assert anchor in _anchors(there), f"{page.name} points at {target}: no such heading"


def test_every_broad_except_is_listed_in_contributing():
    sources = HOUSE.glob("src/**/*.py")
    broad = {
        str(path.relative_to(HOUSE))
        for path in sources
        if "noqa: BLE001" in path.read_text(encoding="utf-8")
    }
    listed = re.findall(
        r"^  - `(.+?)`", (HOUSE / "CONTRIBUTING.md").read_text(encoding="utf-8"), re.M
    )
    assert broad == set(listed)


def test_a_rooms_page_ends_with_what_it_does_not_do():
    for room in (room.removesuffix(".py") for floor in MAP["floors"]() for room in floor):
        page = HOUSE / "docs" / f"{room}.md"
        if page.exists():
            headings = re.findall(r"^## (.+)$", page.read_text(encoding="utf-8"), re.M)
            assert headings[-1] == "What this does not do", page.name


def test_every_verb_and_option_is_on_the_page_of_the_command_line():
    words = set(re.findall(r"[\w-]+", (HOUSE / "docs" / "cli.md").read_text(encoding="utf-8")))
    missing = [word for word in _spoken(get_command(app)) if word not in words]
    assert not missing


def _spoken(command) -> list[str]:
    """Names of a command's verbs and of their long options."""
    options = [parameter.opts[0] for parameter in command.params if parameter.opts[0][:2] == "--"]
    below = getattr(command, "commands", {})
    return options + [word for name, verb in below.items() for word in (name, *_spoken(verb))]


def _anchors(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.M)
    return {
        re.sub(r"[^\w -]", "", heading).strip().lower().replace(" ", "-") for heading in headings
    }

"""The map of the house: floors of the import contract, and the first line of each room's sign.

python scripts/tree.py            prints it
python scripts/tree.py --write    puts it between the tree's marks in README and architecture
"""

import argparse
import ast
import sys
import tomllib
from pathlib import Path

HOUSE = Path(__file__).parents[1]
PAGES = (HOUSE / "README.md", HOUSE / "docs" / "architecture.md")
BEGIN, END = "<!-- tree: python scripts/tree.py --write -->\n```text\n", "```\n<!-- /tree -->\n"


def floors() -> list[list[str]]:
    """The rooms of each floor, the highest first, as pyproject.toml's import contract has them."""
    settings = tomllib.loads((HOUSE / "pyproject.toml").read_text(encoding="utf-8"))
    contracts = settings["tool"]["importlinter"]["contracts"]
    layers = next(contract["layers"] for contract in contracts if contract["type"] == "layers")
    return [[room.strip() for room in layer.split("|")] for layer in layers]


def sign(room: str) -> tuple[str, str]:
    """A room's name as a path, and the first line of its docstring."""
    folder = HOUSE / "src" / "surefoot" / room
    file = folder / "__init__.py" if folder.is_dir() else folder.with_suffix(".py")
    docstring = ast.get_docstring(ast.parse(file.read_text(encoding="utf-8")))
    if docstring is None:
        raise SystemExit(f"{file} has no sign; open it with a docstring")
    return f"{room}/" if folder.is_dir() else f"{room}.py", docstring.splitlines()[0]


def tree() -> str:
    """The map, one line a room; the number is the floor, and every import runs down."""
    lines: list[str] = []
    for height, rooms in zip(reversed(range(len(floors()))), floors(), strict=True):
        for number, (name, line) in enumerate(map(sign, rooms)):
            lines.append(f"{'' if number else height:>2}  {name:<15} {line}")
    return "\n".join(lines) + "\n"


def shown(page: Path) -> str:
    """The map that `page` shows."""
    _, begin, rest = page.read_text(encoding="utf-8").partition(BEGIN)
    found, end, _ = rest.partition(END)
    if not begin or not end:
        raise SystemExit(f"{page} has no marks for the tree; write them as {BEGIN + END!r}")
    return found


def main() -> int:
    """Prints the map, or writes it into the pages."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--write", action="store_true", help="put it into the pages")
    if not parser.parse_args().write:
        print(tree(), end="")
        return 0
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        old, new = BEGIN + shown(page) + END, BEGIN + tree() + END
        page.write_text(text.replace(old, new), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Counts lines: no file above FILE, no function above FUNCTION; raising one is a reviewed diff.

python scripts/sizes.py
"""

import ast
import sys
from pathlib import Path

FILE, FUNCTION = 400, 60


def main() -> int:
    """Prints what is too long; 1 where anything is."""
    found: list[str] = []
    for path in sorted(Path("src").rglob("*.py")):
        text = path.read_text(encoding="utf-8")
        lines = text.count("\n")
        if lines > FILE:
            found.append(f"{path}: {lines} lines, the ceiling is {FILE}")
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                long = (node.end_lineno or node.lineno) - node.lineno + 1
                if long > FUNCTION:
                    found.append(f"{path}:{node.lineno} {node.name}: {long} lines of {FUNCTION}")
    print("\n".join(found) or "every file and function is within its ceiling")
    return bool(found)


if __name__ == "__main__":
    sys.exit(main())

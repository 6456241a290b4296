"""Law: a crash at any moment leaves a step whole or not at all, no outcome twice and none lost."""

import json
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

from store.writer import SIZE

WRITER = Path(__file__).parents[1] / "store" / "writer.py"


def _deaths(run: Path, where: str, given: str = "") -> list[dict[str, Any]]:
    done = subprocess.run(
        [sys.executable, str(WRITER), str(run), where],
        input=given,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return [json.loads(line) for line in done.stdout.splitlines()]


def _is_whole(found: dict[str, Any]) -> None:
    steps = found["steps"]
    assert steps == list(range(1, len(steps) + 1))
    each = [[step, SIZE] for step in steps]
    assert found["outcomes"] == found["traces"] == found["verdicts"] == each
    assert found["events"] == [[step, 1] for step in steps]
    assert found["double"] == []
    assert found["open"] == found["after_resume"]
    assert not found["failed"]


def test_a_death_inside_of_a_commit_leaves_nothing_of_the_step(tmp_path: Path) -> None:
    """At every slice of SQLite's work, until one commit outlives its slices."""
    found = _deaths(tmp_path, "inside")
    *killed, survived = found
    assert len(killed) > 20
    for each in killed:
        _is_whole(each)
        assert each["killed"]
        assert each["steps"] == []
        assert each["open"] == 2 * SIZE
    _is_whole(survived)
    assert survived["steps"] == [1]
    assert survived["open"] == SIZE


def test_a_death_anywhere_leaves_whole_steps(tmp_path: Path) -> None:
    """The first deaths come while the store is being created."""
    chance = random.Random(11)
    moments = [(0, n / 2) for n in range(12)]
    moments += [(chance.randrange(3), chance.uniform(0, 10)) for _ in range(20)]
    found = _deaths(tmp_path, "anywhere", "".join(f"{n} {ms}\n" for n, ms in moments))
    assert len(found) == len(moments)
    assert all(each["killed"] for each in found)
    for each in found:
        _is_whole(each)
    lengths = [0, *(len(each["steps"]) for each in found)]
    for (steps, _), before, after in zip(moments, lengths, lengths[1:], strict=False):
        assert after >= before + steps

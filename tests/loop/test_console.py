"""What the verbs print: one JSON document and nothing else, and no wait for heavy libraries."""

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from loop.console import require_boxes, surefoot
from loop.yes import POLICY, YES, config, engine
from surefoot.loop import train
from surefoot.run import RunConfig, list_goals
from surefoot.store import open_store

HEAVY = ("torch", "transformers", "numpy", "scipy", "matplotlib", "peft", "jinja2", "sqlite3")
EXAMPLE = Path(__file__).parents[2] / "examples" / "own_goals.py"
(KEY,) = (goal.key for goal in list_goals(RunConfig(), "train", 1))
SUREFOOT = Path(sys.executable).with_name("surefoot")


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with an evaluation before and after. Its goals offer no shell: the random caller runs
    nothing on this machine."""
    run = tmp_path_factory.mktemp("judged") / "run"
    settings = config(steps=1, evals={"suite": "quick"}, goals={"test": 2})
    asyncio.run(train(settings, run, goals=[YES], engine=engine(POLICY)))
    return run


@pytest.mark.parametrize(
    ("words", "key"),
    [
        (["goals", "list", "--count", "2"], None),
        (["goals", "show", KEY], "prompt"),
        (["train", "--dry-run"], "rollout"),
        (["look", "RUN"], None),
        (["look", "RUN", "EPISODE"], "trace"),
        (["report", "RUN"], "title"),
    ],
)
def test_json_prints_one_document_and_nothing_else(
    words: list[str], key: str | None, judged: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with open_store(judged, read_only=True) as store:
        ((episode,),) = store.query("SELECT id FROM episodes WHERE outcome = 'trained' LIMIT 1")
    named = {"RUN": str(judged), "EPISODE": episode}
    said = surefoot(capsys, *(named.get(word, word) for word in words), "--json")
    assert said.status == 0, said.error
    found = json.loads(said.out)
    assert found if key is None else key in found


@pytest.mark.parametrize("words", [["goals", "check", "--count", "1"], ["machine"]])
def test_json_of_what_needs_a_sandbox_is_one_document_too(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    require_boxes()
    said = surefoot(capsys, *words, "--json")
    assert said.status == 0, said.error
    assert json.loads(said.out)


def test_the_screens_say_what_was_said_and_earned(
    judged: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with open_store(judged, read_only=True) as store:
        ((episode, goal),) = store.query(
            "SELECT id, goal FROM episodes WHERE outcome = 'trained' AND reward = 1 LIMIT 1"
        )
    said = surefoot(capsys, "look", judged, episode, "--tokens")
    assert goal in said.out
    assert "sampled by version 0" in said.out
    assert "trained" in said.out
    assert "yes" in said.out
    assert episode in surefoot(capsys, "look", judged, "--last", 1000).out
    assert "report.html" in surefoot(capsys, "report", judged).error


def test_an_unknown_episode_is_named(judged: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said = surefoot(capsys, "look", judged, "9.9.9.9")
    assert said.status == 2
    assert "9.9.9.9" in said.error


def test_help_waits_for_no_heavy_library() -> None:
    program = (
        "import sys, surefoot.cli\n"
        "sys.argv = ['surefoot', '--help']\n"
        "try:\n    surefoot.cli.main()\nexcept SystemExit: pass\n"
        f"print(*(name for name in {HEAVY} if name in sys.modules), file=sys.stderr)"
    )
    ran = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert "train" in ran.stdout
    assert ran.stderr.strip() == ""


def test_a_reader_that_leaves_early_is_no_fault() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    words = [SUREFOOT, "goals", "list", "--count", "5"]
    ran = subprocess.run(words, stdout=writing, stderr=subprocess.PIPE, text=True, check=False)
    os.close(writing)
    assert (ran.returncode, ran.stderr) == (0, "")


def test_the_status_of_a_command_in_the_box_is_passed_through(
    capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    require_boxes()
    assert surefoot(capfd, "sandbox", "run", "--", "sh", "-c", "exit 7").status == 7
    said = surefoot(capfd, "sandbox", "run", "--workspace", tmp_path / "none", "--", "true")
    assert said.status == 125
    assert "none" in said.error


def test_the_example_with_goals_of_ones_own_trains(tmp_path: Path) -> None:
    require_boxes()
    words = [sys.executable, EXAMPLE, tmp_path / "run"]
    ran = subprocess.run(words, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    with open_store(tmp_path / "run", read_only=True) as store:
        assert store.query("SELECT count(*) FROM steps") == [(3,)]
        assert store.query("SELECT DISTINCT family FROM goals") == [("greet",)]
    assert len(EXAMPLE.read_text().splitlines()) < 60

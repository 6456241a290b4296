"""Bad input ends in one sentence, which names the fault and the remedy, and in the right status."""

import asyncio
import dataclasses
import json
import shutil
import sqlite3
from collections.abc import Mapping
from pathlib import Path
from random import Random

import pytest

from loop.console import surefoot
from loop.yes import POLICY, YES, config, engine, say
from surefoot.goals import Draft, Family
from surefoot.goals.families import FAMILIES
from surefoot.joints import Program
from surefoot.loop import evaluate_only, train
from surefoot.records import World
from surefoot.records.errors import ConfigError, GoalError, SandboxFault, StoreError
from surefoot.run import RunConfig, new_run, run_config
from surefoot.sandbox import pool


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of one step; copy it before it is damaged."""
    run = tmp_path_factory.mktemp("trained") / "run"
    asyncio.run(train(config(steps=1), run, goals=[YES], engine=engine(POLICY)))
    return run


SETTINGS = {
    "goals.familes=[]": "no setting goals.familes, did you mean families?",
    "rollout.grups=3": "no setting rollout.grups, did you mean groups?",
    "stepps=3": "no setting stepps, did you mean steps?",
    "seed=many": "seed: Input should be a valid integer",
    "rollout.group_size=1": "rollout.group_size: Input should be greater than or equal to 2",
    "seed": "write it as key.key=value",
    "seed.deeper=1": "seed: Input should be a valid integer",
    "goals.families=[]": "name at least one family",
    'goals.families=["fnd"]': "no goal family 'fnd'; known are: find",
    'evals.suite="quik"': "no suite called quik; did you mean quick?",
    'policy="/nowhere"': "/nowhere is no Hugging Face model directory",
    'sandbox.driver="magic"': "sandbox.driver: Input should be 'auto', 'bubblewrap' or 'local'",
}


@pytest.mark.parametrize("setting", SETTINGS)
def test_a_setting_that_cannot_be_used_is_refused_before_a_run_is_founded(
    setting: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    said = surefoot(capsys, "train", "--run", run, "--set", setting)
    assert (said.status, said.out) == (2, "")
    assert SETTINGS[setting] in said.error
    assert said.error.startswith("error: ")
    assert not run.exists()


@pytest.mark.parametrize(
    ("name", "text", "sentence"),
    [
        ("none.toml", None, "cannot be read (No such file or directory); give a TOML file"),
        ("bad.toml", b"steps = = 3", "is no readable configuration: Invalid value"),
        ("binary.toml", b"\xff\xfe\x00", "is no readable configuration"),
        ("deep.toml", b"[rollout]\ngrups = 1", "no setting rollout.grups, did you mean groups?"),
    ],
)
def test_a_configuration_that_cannot_be_read_is_named(
    name: str,
    text: bytes | None,
    sentence: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = tmp_path / name
    if text is not None:
        path.write_bytes(text)
    said = surefoot(capsys, "train", path)
    assert said.status == 2
    assert sentence in said.error
    assert name in said.error


@pytest.mark.parametrize("words", [["--bogus"], ["eval"], ["train", "--resume", "x", "--run", "y"]])
def test_words_that_mean_nothing_end_with_status_2(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    said = surefoot(capsys, *words)
    assert said.status == 2
    assert "Error" in said.error


def test_folders_that_hold_no_run_are_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for words in (["train", "--resume"], ["report"], ["look"]):
        said = surefoot(capsys, *words, tmp_path)
        assert said.status == 2
        assert str(tmp_path) in said.error
    said = surefoot(capsys, "train", "--resume", POLICY)  # it has a config.json, of another kind
    assert said.status == 2
    assert "holds no run" in said.error


def test_a_folder_with_a_run_is_not_founded_again(
    trained: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said = surefoot(capsys, "train", "--run", trained)
    assert said.status == 2
    assert f"go on with surefoot train --resume {trained}" in said.error


def test_a_run_that_never_played_may_be_founded_again(tmp_path: Path) -> None:
    new_run(config(), tmp_path)
    new_run(config(seed=1), tmp_path)
    assert run_config(tmp_path) == config(seed=1)


def test_a_folder_that_cannot_be_made_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    for run in (tmp_path / "file", tmp_path / "file" / "below"):
        said = surefoot(capsys, "train", "--run", run)
        assert said.status == 2
        assert "cannot be made" in said.error


@pytest.mark.parametrize(
    ("name", "change", "sentence"),
    [
        ("tokenizer.json", None, "no tokenizer can be loaded"),
        ("chat_template.jinja", None, "has no chat template; add chat_template.jinja"),
        ("model.safetensors", None, "cannot be loaded as a causal LM"),
        ("model.safetensors", b"junk", "cannot be loaded as a causal LM"),
        ("config.json", b'{"model_type": "unheard of"}', "unheard of"),
        ("config.json", b"{", "config.json"),
        ("config.json", b"", "config.json"),
    ],
)
def test_a_foreign_policy_directory_is_named(
    name: str,
    change: bytes | None,
    sentence: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    policy = tmp_path / "policy"
    shutil.copytree(POLICY, policy)
    (policy / name).unlink()
    if change is not None:
        (policy / name).write_bytes(change)
    said = surefoot(
        capsys, "train", "--policy", policy, "--run", tmp_path / "run", "--sandbox", "local"
    )
    assert said.status == 2, said.error
    assert sentence in said.error


@pytest.mark.parametrize("name", ["model.safetensors", "optimizer.safetensors", "trainer.json"])
def test_a_damaged_checkpoint_is_refused(
    name: str, trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    shutil.copytree(trained, run)
    (damaged,) = run.glob(f"policies/000001/{name}")
    content = bytearray(damaged.read_bytes())
    content[len(content) // 2] ^= 1
    damaged.write_bytes(content)
    said = surefoot(capsys, "train", "--resume", run)
    assert said.status == 2
    assert "000001" in said.error
    assert "restore it from a copy" in said.error


def test_a_damaged_store_is_refused(
    trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    shutil.copytree(trained, run)
    (run / "store.db").write_bytes(b"no database " * 1000)
    for words in (["train", "--resume"], ["look"], ["eval"]):
        said = surefoot(capsys, *words, run)
        assert said.status == 2
        assert "is not a store" in said.error


def test_a_run_in_hand_is_not_written_twice(
    trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from surefoot.store import open_store

    run = tmp_path / "run"
    shutil.copytree(trained, run)
    with open_store(run):
        said = surefoot(capsys, "train", "--resume", run)
    assert said.status == 2
    assert "is being written by process" in said.error


def test_a_refused_sandbox_says_what_to_type(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Refused:
        def __init__(self, config: object, *, mounts: bool) -> None: ...

        async def start(self) -> None:
            raise SandboxFault("bwrap: No permissions to create new namespace")

        async def close(self) -> None: ...

    monkeypatch.setattr(pool, "Launcher", Refused)
    said = surefoot(capsys, "goals", "check", "--count", 1)
    assert said.status == 2
    assert "no sandbox here" in said.error
    assert "driver `local`" in said.error
    assert surefoot(capsys, "sandbox", "run", "--", "true").status == 125


def dies(request: Mapping[str, str]) -> Program:
    yield from ()
    return request["no such name"]


def cannot(random: Random) -> Draft:
    raise ValueError("no idea")


def always_the_same(random: Random) -> Draft:
    return Draft(prompt="say yes.", request={}, world=World(tools=("read_file",)), horizon=0)


BROKEN: dict[str, tuple[dict[str, object], str]] = {
    "earns nothing": ({"reference": say("no")}, "the reference earns 0.0 and must earn 1"),
    "dies": ({"reference": dies}, "KeyError"),
    "draws nothing": ({"make": cannot}, "cannot make its goal 0 (ValueError: no idea)"),
    "knows no such tool": (
        {"make": lambda random: dataclasses.replace(always_the_same(random),
                                                    prompt=f"{random.random()}",
                                                    world=World(tools=("fly",)))},
        "fly",
    ),
}  # fmt: skip


@pytest.mark.parametrize("fault", BROKEN)
async def test_goals_whose_reference_fails_are_refused_before_training(
    fault: str, tmp_path: Path
) -> None:
    changes, sentence = BROKEN[fault]
    family: Family = dataclasses.replace(YES, **changes)
    with pytest.raises(GoalError, match="yes") as refused:
        await train(config(), tmp_path / "run", goals=[family], engine=engine(POLICY))
    assert sentence in str(refused.value)


async def test_a_family_that_draws_one_goal_is_told_to_draw_more(tmp_path: Path) -> None:
    """All of its goals fall into one split, so another split would be waited for without end."""
    family = dataclasses.replace(YES, make=always_the_same)
    with pytest.raises(GoalError, match="has no goals for the split"):
        await train(
            config(evals={"suite": "quick"}, goals={"test": 2}), tmp_path / "run",
            goals=[family], engine=engine(POLICY),
        )  # fmt: skip


async def test_no_goals_for_the_evaluation_are_named(tmp_path: Path) -> None:
    with pytest.raises(GoalError, match="got no goals"):
        await train(
            config(evals={"suite": "quick"}, goals={"test": 0}), tmp_path / "run",
            goals=[YES], engine=engine(POLICY),
        )  # fmt: skip


async def test_an_evaluation_without_a_suite_makes_no_folder(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"evals\.suite"):
        await evaluate_only(config(), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_goals_check_ends_with_status_1_where_a_proof_fails(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(FAMILIES, "bad", dataclasses.replace(YES, name="bad", reference=say("no")))
    said = surefoot(
        capsys, "goals", "check", "--json", "--count", 1, "--sandbox", "local",
        "--set", 'goals.families=["bad"]',
    )  # fmt: skip
    assert said.status == 1
    problems = [proof["problem"] for proof in json.loads(said.out)]
    assert any("the reference earns 0.0" in problem for problem in problems)


def test_a_report_of_nothing_judged_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    new_run(RunConfig(), tmp_path)
    said = surefoot(capsys, "report", tmp_path)
    assert said.status == 2
    assert "nothing was judged" in said.error


def test_a_store_of_another_program_is_refused(tmp_path: Path) -> None:
    sqlite3.connect(tmp_path / "store.db").execute("CREATE TABLE t (x)").connection.close()
    with pytest.raises(StoreError):
        new_run(config(), tmp_path)

# pyright: basic
"""A policy version on the disk: a Hugging Face directory that training can go on from.

    RUN/policies/000012/   config.json, model.safetensors, tokenizer ...   any tool can load it
                           optimizer.safetensors, trainer.json             what a resume needs

Written beside its place and moved in whole. `trainer.json` is written last and holds the SHA-256 of
every other file, so a checkpoint that was damaged later is refused, not trained. It holds no state
of a random generator: a step draws only from (seed, step). Which version counts is the store's
word, not this folder's.
"""

import errno
import hashlib
import json
import shutil
from collections.abc import Collection, Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict, ValidationError
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from surefoot.engines.model import Model
from surefoot.engines.model_files import replacing
from surefoot.records import PolicyVersion
from surefoot.records.errors import PolicyError, StoppedError

OPTIMIZER = "optimizer.safetensors"
STATE = "trainer.json"
POLICIES = "policies"
_REMEDY = "restore it from a copy, or start a new run with --policy on an older version"


class TrainerState(BaseModel):
    """What stands in `trainer.json`: steps taken, and the SHA-256 of each file by its name."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    steps: int
    files: Mapping[str, str]


class Checkpoint(NamedTuple):
    """What a resume reads beside the weights."""

    steps: int
    optimizer: Mapping[str, Tensor]


def directory_of(run: Path, number: int) -> Path:
    """Where policy version `number` of a run lies."""
    return run / POLICIES / f"{number:06d}"


def write(run: Path, number: int, model: Model, checkpoint: Checkpoint) -> PolicyVersion:
    """Writes version `number`; it stands whole or not at all.

    Raises:
        StoppedError: the disk is full or refuses to be written.
    """
    directory = directory_of(run, number)
    with _writing(directory), replacing(directory) as partial:
        model.save(partial)
        save_file(dict(checkpoint.optimizer), partial / OPTIMIZER)
        names = sorted(path.name for path in partial.iterdir() if path.is_file())
        state = TrainerState(
            steps=checkpoint.steps, files={name: _sha256(partial / name) for name in names}
        )
        (partial / STATE).write_text(state.model_dump_json(indent=1), encoding="utf-8")
    return PolicyVersion(number=number, directory=str(directory))


def read(directory: Path) -> Checkpoint:
    """Reads a checkpoint after comparing every file with its checksum.

    Raises:
        PolicyError: it is missing, damaged, or a policy that no trainer saved.
    """
    state = verify(directory)
    try:
        return Checkpoint(state.steps, load_file(directory / OPTIMIZER))
    except (OSError, SafetensorError) as error:
        raise PolicyError(
            f"The checkpoint {directory} has no readable {OPTIMIZER} ({error}); {_REMEDY}."
        ) from error


def verify(directory: Path) -> TrainerState:
    """Compares every file of a checkpoint with its checksum.

    Raises:
        PolicyError: a file is missing or differs, or there is no readable `trainer.json`.
    """
    try:
        text = (directory / STATE).read_text(encoding="utf-8")
        state = TrainerState.model_validate(json.loads(text))
    except (OSError, ValueError, ValidationError) as error:
        raise PolicyError(
            f"{directory} is no checkpoint of a run: its {STATE} is missing or unreadable; "
            f"{_REMEDY}."
        ) from error
    for name, expected in state.files.items():
        path = directory / name
        if not path.is_file() or _sha256(path) != expected:
            raise PolicyError(
                f"The checkpoint {directory} is damaged: {name} is missing or not what was "
                f"written; {_REMEDY}."
            )
    return state


def versions(run: Path) -> list[PolicyVersion]:
    """The versions that lie in a run's folder, oldest first."""
    folder = run / POLICIES
    if not folder.is_dir():
        return []
    return [
        PolicyVersion(number=int(path.name), directory=str(path))
        for path in sorted(folder.iterdir(), key=lambda path: path.name)
        if path.is_dir() and path.name.isdigit()
    ]


def prune(run: Path, *, keep: int, named: Collection[int]) -> list[PolicyVersion]:
    """Removes all versions but the newest `keep` and those in `named`.

    `named` must hold the version that the store calls the latest: a crash between a checkpoint and
    its commit leaves a newer folder that the run will never resume from.

    Returns:
        The versions that were removed.
    """
    if keep < 1:
        raise ValueError("a run keeps at least one policy version")
    removed = [v for v in versions(run)[:-keep] if v.number not in named]
    for version in removed:
        directory = Path(version.directory)
        doomed = directory.with_name(f".{directory.name}.removed")
        shutil.rmtree(doomed, ignore_errors=True)
        directory.rename(doomed)  # half a folder is never seen under a version's name
        shutil.rmtree(doomed)
    return removed


@contextmanager
def _writing(directory: Path) -> Generator[None]:
    try:
        yield
    except (OSError, SafetensorError) as error:
        full = isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)
        full = full or "No space left" in str(error)
        reason = "the disk is full" if full else str(error)
        raise StoppedError(
            f"The checkpoint {directory} could not be written: {reason}; "
            "make room or give write permission, then resume the run."
        ) from error


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()

"""What is asked, with the world that it is asked in and what its check may look at."""

import hashlib
from collections.abc import Mapping
from typing import Any, Literal

from surefoot.records.base import Record

Split = Literal["train", "valid", "test"]
SPLITS: tuple[Split, ...] = ("train", "valid", "test")


class World(Record):
    """The initial state of a workspace.

    `files` are texts by relative path; `databases` are SQLite files, given as the SQL script that
    builds them; `tools` names what the environment offers, in canonical order (empty: all).
    """

    files: Mapping[str, str] = {}
    databases: Mapping[str, str] = {}
    tools: tuple[str, ...] = ()


class Goal(Record):
    """One goal.

    `prompt` is what the policy reads. `request` holds the values that stand in the prompt, by name:
    all that a reference solution may know. `expected` is hidden: only the check reads it. `judged`
    names the paths that are carried from the episode's end state into the check's clean sandbox.
    `horizon` is the number of tool calls that the reference solution makes.
    """

    family: str
    split: Split
    index: int
    prompt: str
    request: Mapping[str, str] = {}
    expected: Mapping[str, Any] = {}
    world: World = World()
    judged: tuple[str, ...] = ()
    horizon: int
    environment: str = "workspace"

    @property
    def key(self) -> str:
        """Stable name of the goal: the same seed gives the same keys on every machine."""
        return f"{self.family}/{self.split}/{self.index}"

    @property
    def fingerprint(self) -> str:
        """Content hash over everything but the split and the index: splits share none."""
        content = self.model_copy(update={"split": "train", "index": 0}).model_dump_json()
        return hashlib.sha256(content.encode()).hexdigest()[:16]

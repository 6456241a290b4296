"""Judgements that point at a trace, and how an episode ended for the ledger."""

import math
from collections.abc import Mapping
from typing import Literal

from pydantic import field_validator

from surefoot.records.base import Record

OutcomeKind = Literal["dispatched", "trained", "judged", "filtered", "stale", "fault", "cancelled"]


class Reward(Record):
    """What a check found. `value` in [0, 1]; parts stay apart; evidence is for people."""

    value: float
    parts: Mapping[str, float] = {}
    evidence: str = ""

    @field_validator("value")
    @classmethod
    def _finite(cls, value: float) -> float:
        if not math.isfinite(value):
            raise ValueError(f"a reward must be a finite number, not {value}")
        return value


class Verdict(Record):
    """A judgement of an episode by a named judge (a check, a detector, an expert)."""

    episode: str
    judge: str
    reward: Reward


class Outcome(Record):
    """How an episode ended. `reason` names the filter's rule or the fault's kind."""

    kind: OutcomeKind
    reason: str = ""

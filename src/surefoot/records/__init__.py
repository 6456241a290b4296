"""The nouns: what passes between rooms. Frozen, typed, no I/O."""

from surefoot.records.base import Record
from surefoot.records.episode import Dispatch, Episode, Group
from surefoot.records.evaluation import Judged, StepMetrics
from surefoot.records.goal import SPLITS, Goal, Split, World
from surefoot.records.ledger import Event, Start
from surefoot.records.message import (
    Call,
    Message,
    Opening,
    ParseFault,
    Reply,
    Result,
    Tool,
)
from surefoot.records.policy import PolicyVersion, Sampled, Sampling
from surefoot.records.trace import Effect, Finish, Node, Stop, Trace
from surefoot.records.variation import Variation
from surefoot.records.verdict import Outcome, Reward, Verdict

__all__ = [
    "SPLITS",
    "Call",
    "Dispatch",
    "Effect",
    "Episode",
    "Event",
    "Finish",
    "Goal",
    "Group",
    "Judged",
    "Message",
    "Node",
    "Opening",
    "Outcome",
    "ParseFault",
    "PolicyVersion",
    "Record",
    "Reply",
    "Result",
    "Reward",
    "Sampled",
    "Sampling",
    "Split",
    "Start",
    "StepMetrics",
    "Stop",
    "Tool",
    "Trace",
    "Variation",
    "Verdict",
    "World",
]

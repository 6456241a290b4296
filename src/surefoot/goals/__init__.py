"""What is asked, and how success is judged. Proposes; never runs an episode."""

from surefoot.goals.families import FAMILIES
from surefoot.goals.family import Draft, Family, ask
from surefoot.goals.solution import EndState, collect, nothing, reach
from surefoot.goals.source import FamilySource, GoalsConfig, make_source

__all__ = [
    "FAMILIES",
    "Draft",
    "EndState",
    "Family",
    "FamilySource",
    "GoalsConfig",
    "ask",
    "collect",
    "make_source",
    "nothing",
    "reach",
]

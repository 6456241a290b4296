"""What is asked, and how success is judged. Proposes; never runs an episode."""

from surefoot.goals.families import FAMILIES
from surefoot.goals.family import Draft, Family, ask
from surefoot.goals.source import FamilySource, GoalsConfig, make_source

__all__ = ["FAMILIES", "Draft", "Family", "FamilySource", "GoalsConfig", "ask", "make_source"]

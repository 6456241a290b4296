"""The families that ship, by rising horizon: one file each, from two to twelve tool calls."""

from collections.abc import Mapping

from surefoot.goals.families.chain import CHAIN
from surefoot.goals.families.database import DATABASE
from surefoot.goals.families.edit import EDIT
from surefoot.goals.families.find import FIND
from surefoot.goals.families.move import MOVE
from surefoot.goals.families.repair import REPAIR
from surefoot.goals.family import Family

FAMILIES: Mapping[str, Family] = {
    family.name: family for family in (FIND, EDIT, MOVE, DATABASE, CHAIN, REPAIR)
}
"""Name -> family."""

__all__ = ["CHAIN", "DATABASE", "EDIT", "FAMILIES", "FIND", "MOVE", "REPAIR"]

"""How tools are written to the policy and how its calls are read back.

    tools   -> present -> system prompt          calls -> write -> message -> parse -> calls
    results -> render  -> message

Kept: `parse(write(text, calls), tools)` is text and calls again; a fault of reading is a value
(ParseFault), never an exception. Not here: who runs the calls, and chat templates (gateway/).
"""

from surefoot.formats.grammar import Combination, Counts, combinations, counts
from surefoot.formats.registry import FORMATS, HELD_OUT_FORMATS, format_of, make_format

__all__ = [
    "FORMATS",
    "HELD_OUT_FORMATS",
    "Combination",
    "Counts",
    "combinations",
    "counts",
    "format_of",
    "make_format",
]

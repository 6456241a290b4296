"""Records to rows and back: JSON, and zlib over the JSON where a body is long.

Floats are written in their shortest exact form, so that log-probabilities come back bit for bit.
Traces and goals are compressed (level 1); everything else stays text that SQL can read.
"""

import hashlib
import zlib
from typing import TypeVar

from pydantic import ValidationError

from surefoot.records import Goal, Record
from surefoot.records.errors import StoreError

R = TypeVar("R", bound=Record)

_LEVEL = 1


def pack(record: Record) -> bytes:
    """A record as compressed JSON."""
    return zlib.compress(record.model_dump_json().encode(), _LEVEL)


def unpack(kind: type[R], body: bytes | str) -> R:
    """A record from what `pack` or `model_dump_json` made.

    Raises:
        StoreError: the body is damaged or of another version.
    """
    try:
        text = zlib.decompress(body) if isinstance(body, bytes) else body
        return kind.model_validate_json(text)
    except (zlib.error, ValidationError) as error:
        raise StoreError(
            f"A stored {kind.__name__} cannot be read back (damaged, or written by another version "
            "of Surefoot); use the version that wrote the run or restore it from a copy."
        ) from error


def digest(goal: Goal) -> str:
    """Names a goal by its whole content (unlike its fingerprint, split and index included)."""
    return hashlib.sha256(goal.model_dump_json().encode()).hexdigest()[:32]

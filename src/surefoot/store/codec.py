"""Records to rows and back: JSON, and zlib over the JSON where a body is long.

Floats are written in their shortest exact form, so that log-probabilities come back bit for bit.
Traces and goals are compressed (level 1); everything else stays text that SQL can read.
A policy can write half of a surrogate pair (a JSON escape, a file's name that is not UTF-8), which
UTF-8 cannot hold: such a record is written in ASCII with escapes, and comes back as it was too.
Columns beside a body are for SQL to search; there such a half becomes a question mark.
"""

import hashlib
import json
import zlib
from typing import TypeVar

from pydantic_core import PydanticSerializationError

from surefoot.records import Goal, Record
from surefoot.records.errors import StoreError

R = TypeVar("R", bound=Record)

_LEVEL = 1


def dump(record: Record) -> str:
    """A record as JSON text that UTF-8 can hold."""
    try:
        return record.model_dump_json()
    except PydanticSerializationError:
        return json.dumps(record.model_dump(), separators=(",", ":"))


def plain(value: object) -> object:
    """A column's value that UTF-8 can hold."""
    return value.encode(errors="replace").decode() if isinstance(value, str) else value


def pack(record: Record) -> bytes:
    """A record as compressed JSON."""
    return zlib.compress(dump(record).encode(), _LEVEL)


def unpack(kind: type[R], body: bytes | str) -> R:
    """A record from what `pack` or `dump` made.

    Raises:
        StoreError: the body is damaged or of another version.
    """
    try:
        text = zlib.decompress(body).decode() if isinstance(body, bytes) else body
        if "\\ud" in text:  # perhaps half of a pair, which pydantic's own reader refuses
            return kind.model_validate(json.loads(text))
        return kind.model_validate_json(text)
    except (zlib.error, ValueError) as error:
        raise StoreError(
            f"A stored {kind.__name__} cannot be read back (damaged, or written by another version "
            "of Surefoot); use the version that wrote the run or restore it from a copy."
        ) from error


def digest(goal: Goal) -> str:
    """Names a goal by its whole content (unlike its fingerprint, split and index included)."""
    return hashlib.sha256(dump(goal).encode()).hexdigest()[:32]

"""What every record is: frozen, typed, keyword-only, without I/O.

A record crosses rooms and is stored as JSON. `None` means *not assigned* and is never the same as
zero. Unknown fields are refused, so that a stored record of another version fails loudly.
"""

from pydantic import BaseModel, ConfigDict


class Record(BaseModel):
    """Base of all records."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        ser_json_bytes="base64",
        ser_json_inf_nan="constants",  # a metric of NaN comes back as NaN, not as null
    )

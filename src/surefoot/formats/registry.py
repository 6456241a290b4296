"""Formats by name. A format of one's own joins by an entry `name -> "module:Class"`; the class
takes the keywords `seed` and `held_out`."""

import difflib
from pkgutil import resolve_name

from surefoot.joints import Format
from surefoot.records import Variation
from surefoot.records.errors import ConfigError

FORMATS = {
    "hermes": "surefoot.formats.hermes:Hermes",
    "xml": "surefoot.formats.xml:Xml",
    "react": "surefoot.formats.react:React",
    "grammar": "surefoot.formats.grammar:Grammar",
}
HELD_OUT_FORMATS = ("react",)
"""Written by hand and shown in no training, warm start included."""


def format_of(variation: Variation) -> Format:
    """The format that a variation draws."""
    return make_format(variation.format, seed=variation.seed, held_out=variation.held_out_format)


def make_format(name: str, *, seed: int = 0, held_out: bool = False) -> Format:
    """The format `name`. `seed` and `held_out` choose within drawn formats (`grammar`).

    Raises:
        ConfigError: there is no such format.
    """
    if name not in FORMATS:
        near = difflib.get_close_matches(name, FORMATS, n=1)
        hint = f"did you mean {near[0]}?" if near else f"choose from {', '.join(FORMATS)}"
        raise ConfigError(f"there is no format {name}: {hint}")
    return resolve_name(FORMATS[name])(seed=seed, held_out=held_out)

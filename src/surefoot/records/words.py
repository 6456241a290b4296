"""A pool of short invented words: file names, values and, in perturbations, names of tools.

Invented, so that a name says nothing about what it names: what a tool does must be read in its
description. The pool is fixed for good (stable keys, and the embedded tokenizer has a token for
each word). A tenth of the words is held out: training never shows them as a name of a tool or of
an argument, though they occur as values.
"""

import hashlib
import itertools

CONSONANTS = "bdfgklmnprstvz"
VOWELS = "aeiou"
SYLLABLES = tuple(c + v for c, v in itertools.product(CONSONANTS, VOWELS))


def _digest(text: str) -> int:
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")


WORDS = tuple(
    word
    for word in (a + b for a, b in itertools.product(SYLLABLES, SYLLABLES))
    if _digest("pool " + word) % 100 < 30
)


def is_held_out(text: str) -> bool:
    """True for the tenth of all texts that training never shows (words, grammars)."""
    return _digest("held out " + text) % 10 == 0

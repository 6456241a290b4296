"""Recall: the first thing that the policy learns is to copy a word out of its own context.

    port": "kovu", mode": "lemi", size": "tara  ->  size: tara  port: kovu  mode: lemi

Short rows bind kinds to names, then ask for the names in another order; only the second half
trains. Without this, supervised training from random weights stays at zero success for long: in
small policies the heads that copy form late, and everything else waits for them.
"""

from random import Random

from surefoot.joints import Tokenizer
from surefoot.records.words import WORDS, is_held_out
from surefoot.training.batch import Row

_KINDS = (
    "port mode user host size color limit level theme zone path key value folder text "
    "list show read set change run check move put search file command database query"
).split()
_BETWEEN = ('": "', '", "', "=", ": ", ", ", '"}}', "\n", " ", "(", '">', " is ", "->")
_NAMES = tuple(word for word in WORDS if not is_held_out(word))


def row(random: Random, tokenizer: Tokenizer, fewest: int, most: int) -> Row:
    """One row with `fewest` to `most` bindings."""
    count = random.randint(fewest, most)
    kinds = random.sample(_KINDS, count)
    names = random.sample(_NAMES, count)
    bind, ask, gap = (random.choice(_BETWEEN) for _ in range(3))
    kind_first = random.random() < 0.5
    bound = [k + bind + n if kind_first else n + bind + k for k, n in zip(kinds, names, strict=True)]
    order = random.sample(range(count), count)
    with_kind = random.random() < 0.7
    asked = [kinds[at] + ask + names[at] if with_kind else names[at] for at in order]
    given = tokenizer.encode(gap.join(bound) + "\n", special=False)
    wanted = tokenizer.encode(gap.join(asked), special=False)
    return Row.supervised([*given, *wanted], [0.0] * len(given) + [1.0] * len(wanted))

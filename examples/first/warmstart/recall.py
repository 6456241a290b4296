"""Recall: the first thing that the policy learns is to copy a word out of its own context.

    repeats    kovu lemi tara kovu lemi tara            the first half tells the second
    pairs      kovu lemi, tara bodu | tara bodu ...     asked in another order
    bindings   port": "kovu", mode": "lemi -> mode: lemi, port: kovu

Only what can be told from the context trains. In small policies the heads that copy form late, and
everything else waits for them; repeats, where nearly every token teaches, form them in minutes.
Bindings alone left them unformed (docs/log.md).
"""

from random import Random

from surefoot.joints import Tokenizer
from surefoot.records.words import WORDS, is_held_out
from surefoot.training.batch import Row

LESSONS = ("repeats", "pairs", "bindings")
PASSED = {"repeats": 0.85, "pairs": 0.80}
"""Accuracy at which the next lesson joins."""

_KINDS = (
    *("port", "mode", "user", "host", "size", "color", "limit", "level", "theme", "zone"),
    *("path", "key", "value", "folder", "text", "list", "show", "read", "set", "change", "run"),
    *("check", "move", "put", "search", "file", "command", "database", "query"),
)
_BETWEEN = ('": "', '", "', "=", ": ", ", ", '"}}', "\n", " ", "(", '">', " is ", "->")
_NAMES = tuple(word for word in WORDS if not is_held_out(word))


class Recall:
    """Draws rows; of the lessons so far, the newest most often."""

    def __init__(self, tokenizer: Tokenizer, seed: int) -> None:
        self._tokenizer = tokenizer
        self._random = Random(seed)
        self._names = [tokenizer.encode(name, special=False)[0] for name in _NAMES]

    def row(self, lesson: str) -> Row:
        """One row while `lesson` is the newest."""
        known = LESSONS[: LESSONS.index(lesson)]
        if known and self._random.random() < 0.3:
            lesson = self._random.choice(known)
        if lesson == "repeats":
            return self._repeats()
        return self._pairs() if lesson == "pairs" else self._bindings()

    def _repeats(self) -> Row:
        count = self._random.randint(3, 12)
        words = self._random.sample(self._names, count)
        return Row.supervised(words + words, [0.0] * (count + 1) + [1.0] * (count - 1))

    def _pairs(self) -> Row:
        count = self._random.randint(2, 8)
        words = self._random.sample(self._names, 2 * count)
        pairs = list(zip(words[::2], words[1::2], strict=True))
        tokens = words
        for _ in range(2):
            self._random.shuffle(pairs)
            tokens = tokens + [word for pair in pairs for word in pair]
        return Row.supervised(tokens, [0.0] * (2 * count) + [0.0, 1.0] * (2 * count))

    def _bindings(self) -> Row:
        random = self._random
        count = random.randint(2, 8)
        kinds = random.sample(_KINDS, count)
        names = random.sample(_NAMES, count)
        bind, ask, gap = (random.choice(_BETWEEN) for _ in range(3))
        kind_first = random.random() < 0.5
        both = list(zip(kinds, names, strict=True))
        bound = [kind + bind + name if kind_first else name + bind + kind for kind, name in both]
        random.shuffle(both)
        with_kind = random.random() < 0.7
        asked = [kind + ask + name if with_kind else name for kind, name in both]
        given = self._tokenizer.encode(gap.join(bound) + "\n", special=False)
        wanted = self._tokenizer.encode(gap.join(asked), special=False)
        return Row.supervised([*given, *wanted], [0.0] * len(given) + [1.0] * len(wanted))

"""Small worlds drawn at random: settings files with names and values of one word each.

    lemi/kovu.ini:   port=80
                     mode=rata

Every value stands once in a goal, so a search for it finds one line. Values are words of the pool
or numbers of two digits: for the embedded policy each is one token.
"""

from collections.abc import Mapping, Sequence
from random import Random
from typing import NamedTuple

from surefoot.records import World
from surefoot.records.words import WORDS

KEYS = ("port", "mode", "user", "host", "size", "color", "limit", "level", "theme", "zone")
ENDINGS = ("ini", "cfg", "txt", "log")
TOOLS = (
    "list_files",
    "read_file",
    "write_file",
    "search",
    "replace",
    "set_value",
    "move_file",
    "run",
    "query",
)
"""The workspace's tools in canonical order."""

RESERVED = frozenset({*KEYS, "done", "none", "null", "next", "name", "more", "rows"})
"""Words of the pool that mean something in a goal: a value must not be taken for them."""

Settings = dict[str, dict[str, str]]
"""Path -> key -> value."""


class Target(NamedTuple):
    """The file that a goal speaks of by one of its keys and values; `others` are its other keys."""

    path: str
    key: str
    value: str
    others: tuple[str, ...]


class Pool:
    """Draws names and values of which no two are equal."""

    def __init__(self, random: Random) -> None:
        self.random = random
        self._used: set[str] = set()

    def word(self) -> str:
        """A word not drawn before, and none that means something."""
        while True:
            word = self.random.choice(WORDS)
            if word not in self._used and word not in RESERVED:
                self._used.add(word)
                return word

    def value(self) -> str:
        """A word, or as often a number from 10 to 99, not drawn before."""
        if self.random.random() < 0.5:
            return self.word()
        while True:
            number = str(self.random.randint(10, 99))
            if number not in self._used:
                self._used.add(number)
                return number

    def path(self) -> str:
        """A new file name, one time in four in a new folder."""
        name = f"{self.word()}.{self.random.choice(ENDINGS)}"
        return f"{self.word()}/{name}" if self.random.random() < 0.25 else name

    def files(self, fewest: int, most: int, keys: tuple[int, int] = (2, 3)) -> Settings:
        """Settings files with `keys[0]` to `keys[1]` keys each."""
        files: Settings = {}
        for _ in range(self.random.randint(fewest, most)):
            names = self.random.sample(KEYS, self.random.randint(*keys))
            files[self.path()] = {name: self.value() for name in names}
        return files

    def target(self, files: Settings) -> Target:
        """A file and the line that tells it from the others.

        Never the first of the listing: a policy that takes the first without looking is wrong.
        """
        path = self.random.choice(sorted(files)[1:])
        key, *others = self.random.sample(list(files[path]), len(files[path]))
        return Target(path, key, files[path][key], tuple(others))


def written(files: Settings) -> dict[str, str]:
    """The texts of settings files."""
    return {
        path: "".join(f"{key}={value}\n" for key, value in lines.items())
        for path, lines in files.items()
    }


def offered(random: Random, needed: Sequence[str]) -> tuple[str, ...]:
    """The needed tools and one or two others, at most six in all, in canonical order."""
    others = [tool for tool in TOOLS if tool not in needed]
    count = random.randint(1, 2) if len(needed) < 5 else 1
    chosen = {*needed, *random.sample(others, count)}
    return tuple(tool for tool in TOOLS if tool in chosen)


def world(
    random: Random,
    needed: Sequence[str],
    files: Mapping[str, str],
    databases: Mapping[str, str] | None = None,
) -> World:
    """A world of these files that offers the needed tools and one or two others."""
    return World(files=files, databases=databases or {}, tools=offered(random, needed))

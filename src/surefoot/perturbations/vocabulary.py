"""The words that the tools axis draws from: familiar names, a small thesaurus, distractors.

Familiar names are single lowercase words, none of them in the share that `is_held_out` keeps from
training. Within one table every word stands in one class only, so that a familiar name or a
reworded description never makes two tools look alike. Not here: the pool of invented words
(records/words.py), and how any of it is drawn (tools.py).
"""

from collections.abc import Mapping
from typing import NamedTuple

Classes = Mapping[str, tuple[str, ...]]

TOOL_NAMES: Classes = {
    "list": ("list", "ls", "dir", "index", "enumerate"),
    "read": ("view", "cat", "open", "display", "show"),
    "write": ("write", "store", "put", "record"),
    "search": ("search", "grep", "locate", "scan", "seek"),
    "replace": ("replace", "edit", "swap", "substitute"),
    "set": ("set", "update", "change", "adjust", "configure"),
    "move": ("move", "rename", "shift", "mv", "relocate"),
    "run": ("run", "shell", "start", "bash", "perform"),
    "query": ("query", "ask", "lookup", "consult"),
    "get": ("get", "fetch", "obtain"),
    "send": ("send", "post", "submit"),
    "delete": ("delete", "remove", "drop"),
    "add": ("add", "append", "include"),
    "create": ("create", "build", "produce"),
    "check": ("check", "test", "verify", "inspect"),
    "count": ("count", "tally", "total"),
}
"""First word of a tool's own name -> familiar names for such a tool."""

ARGUMENT_NAMES: Classes = {
    "path": ("path", "file", "filename", "target"),
    "folder": ("folder", "directory", "place"),
    "text": ("text", "content", "string", "body"),
    "old": ("old", "before", "former", "current"),
    "new": ("new", "after", "replacement"),
    "key": ("key", "field", "option", "property", "attribute"),
    "value": ("value", "amount", "setting"),
    "to": ("dest", "destination", "onto"),
    "command": ("command", "script", "line", "cmd"),
    "sql": ("statement", "request", "expression"),
    "name": ("name", "label"),
    "count": ("number", "limit", "quantity"),
    "url": ("url", "link"),
}
"""An argument's own name -> familiar names for such an argument."""

VERBS = (
    ("list", "show", "name"),
    ("read", "view", "open"),
    ("write", "store", "record"),
    ("search", "find", "seek"),
    ("replace", "swap", "exchange"),
    ("set", "change", "update"),
    ("move", "rename", "shift"),
    ("run", "execute", "start"),
    ("query", "ask", "consult"),
    ("get", "fetch", "obtain"),
    ("send", "post", "submit"),
    ("delete", "remove", "erase"),
    ("add", "include", "insert"),
    ("create", "make", "build"),
    ("check", "test", "verify"),
    ("return", "give", "report"),
)
"""Verbs with the same meaning: one stands for another where a sentence or a clause begins."""

PHRASES = (
    ("file", "document"),
    ("folder", "directory"),
    ("text", "string"),
    ("key", "field"),
    ("value", "content"),
    ("command", "shell command"),
    ("database", "data base"),
    ("path", "location"),
    ("old", "former"),
    ("in all", "over all"),
    ("in a", "inside a"),
    ("in the", "inside the"),
)
"""Words and phrases with the same meaning: one stands for another anywhere."""


class Distractor(NamedTuple):
    """A tool that helps with nothing here: its name, what it says, argument -> what that is."""

    name: str
    about: str
    arguments: Mapping[str, str]


DISTRACTORS = (
    Distractor("weather", "tell the weather of a place", {"place": "place"}),
    Distractor("translate", "translate a word", {"word": "word"}),
    Distractor("mail", "mail a text to a person", {"person": "person", "text": "text"}),
    Distractor("play", "play a song", {"song": "song"}),
    Distractor("clock", "tell the time", {}),
    Distractor("draw", "draw a picture", {"text": "text"}),
    Distractor("plan", "plan a trip to a place", {"place": "place", "day": "day"}),
    Distractor("call", "call a person", {"person": "person"}),
)


def inflected(text: str) -> str:
    """A verb in the third person, a noun in the plural; a phrase of small words as it is."""
    if text.split()[0] in ("in", "inside", "over"):
        return text
    if text.endswith("y") and text[-2] not in "aeiou":
        return text[:-1] + "ies"
    return text + ("es" if text.endswith(("s", "x", "ch", "sh")) else "s")


def familiar_names() -> tuple[str, ...]:
    """Every name of a tool or an argument that is not from the pool of invented words, sorted."""
    words = {
        word for table in (TOOL_NAMES, ARGUMENT_NAMES) for each in table.values() for word in each
    }
    for distractor in DISTRACTORS:
        words |= {distractor.name, *distractor.arguments}
    return tuple(sorted(words))


def description_vocabulary() -> tuple[str, ...]:
    """Every word that a perturbation may put into a description, sorted."""
    texts = [text for each in (*VERBS, *PHRASES) for text in each]
    texts += [inflected(text) for text in texts]
    for distractor in DISTRACTORS:
        texts += [distractor.about, *distractor.arguments.values()]
    return tuple(sorted({word for text in texts for word in text.split()}))

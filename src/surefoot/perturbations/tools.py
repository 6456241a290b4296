"""The tools axis: names, argument names, order, descriptions, distractors.

    Opening(tools) --wrap(seed, held_out)--> Relabelled(other tools, maps back)

Each is seeded apart from the others and works on any tools. Kept: what a tool and an argument mean
can always be read in a description; only the words that `is_held_out` keeps from training become
names where `held_out`, and they never do otherwise. `held_out` changes nothing in order and
descriptions.
"""

import random
import re
from collections.abc import Iterable, Mapping
from typing import Any

from surefoot.perturbations.vocabulary import (
    ARGUMENT_NAMES,
    DISTRACTORS,
    PHRASES,
    TOOL_NAMES,
    VERBS,
    Classes,
    Distractor,
    familiar_names,
    inflected,
)
from surefoot.perturbations.wrapped import Relabelled
from surefoot.records import Opening, Tool
from surefoot.records.words import WORDS, is_held_out

MODES = ("familiar", "random", "random", "swap")
"""How an episode's names are drawn, each entry equally often: a familiar name for what the thing
is; an invented word; a familiar name for something else, so that the name misleads."""

_FAMILIAR = frozenset(familiar_names())
_SEEN = tuple(word for word in WORDS if not is_held_out(word) and word not in _FAMILIAR)
_HELD_OUT = tuple(word for word in WORDS if is_held_out(word))
# Keywords of an object schema that may name properties elsewhere than in `properties`.
_RENAMABLE = frozenset(("type", "properties", "required", "description", "title", "$defs"))


class _Namer:
    """Draws names for one episode, each once."""

    def __init__(self, random_: random.Random, opening: Opening, *, held_out: bool) -> None:
        self.random = random_
        self.mode = "random" if held_out else random_.choice(MODES)
        self.pool = _HELD_OUT if held_out else _SEEN
        self.taken = {tool.name for tool in opening.tools}
        self.taken |= {argument for tool in opening.tools for argument in tool.arguments}

    def draw(self, name: str, classes: Classes, taken: set[str]) -> str:
        """A name for what is called `name`; not one of `taken`, to which it is added."""
        own = classes.get(name, ())
        if self.mode == "familiar":
            candidates: Iterable[str] = own
        elif self.mode == "swap":
            candidates = (word for each in classes.values() if each != own for word in each)
        else:
            candidates = ()
        free = [word for word in candidates if word not in taken and word not in self.taken]
        drawn = self.random.choice(free) if free else self.word(taken)
        taken.add(drawn)
        return drawn

    def word(self, taken: set[str]) -> str:
        """An invented word that names nothing yet."""
        while True:
            word = self.random.choice(self.pool)
            if word not in taken and word not in self.taken:
                return word


class Names:
    """Other names for the tools."""

    def __init__(self) -> None:
        self.name = "names"
        self.axis = "tools"

    def wrap(self, opening: Opening, *, seed: int, held_out: bool) -> Relabelled:
        """Renames every tool; a tool without a description gets its own name as one."""
        namer = _Namer(_seeded(self.name, seed), opening, held_out=held_out)
        taken: set[str] = set()
        names = {
            tool.name: namer.draw(re.split(r"[_.-]", tool.name)[0], TOOL_NAMES, taken)
            for tool in opening.tools
        }
        tools = [
            tool.model_copy(
                update={
                    "name": names[tool.name],
                    "description": _mentions(tool.description or _spelled(tool.name), names),
                }
            )
            for tool in opening.tools
        ]
        return Relabelled(_with_tools(opening, tools), names)


class Arguments:
    """Other names for the tools' arguments (not for what is nested in their values)."""

    def __init__(self) -> None:
        self.name = "arguments"
        self.axis = "tools"

    def wrap(self, opening: Opening, *, seed: int, held_out: bool) -> Relabelled:
        """Renames every argument, each tool's apart; an argument without a description gets its own
        name as one. A tool whose schema says more about its arguments than their types is left."""
        namer = _Namer(_seeded(self.name, seed), opening, held_out=held_out)
        maps: dict[str, Mapping[str, str]] = {}
        tools: list[Tool] = []
        for tool in opening.tools:
            if not _RENAMABLE.issuperset(key for key, value in tool.parameters.items() if value):
                tools.append(tool)
                continue
            taken: set[str] = set()
            shown = {own: namer.draw(own, ARGUMENT_NAMES, taken) for own in tool.arguments}
            maps[tool.name] = shown
            tools.append(_renamed_arguments(tool, shown))
        return Relabelled(_with_tools(opening, tools), _same(opening), maps)


class Order:
    """Tools and arguments listed in another order; calls follow the listed order."""

    def __init__(self) -> None:
        self.name = "order"
        self.axis = "tools"

    def wrap(self, opening: Opening, *, seed: int, held_out: bool) -> Relabelled:
        """Shuffles the tools, and the arguments of each."""
        random_ = _seeded(self.name, seed)
        maps: dict[str, Mapping[str, str]] = {}
        tools: list[Tool] = []
        for tool in random_.sample(opening.tools, len(opening.tools)):
            listed = random_.sample(list(tool.arguments), len(tool.arguments))
            if not tool.parameters.get("additionalProperties"):
                maps[tool.name] = {argument: argument for argument in listed}
            properties = {argument: tool.arguments[argument] for argument in listed}
            tools.append(_with_properties(tool, properties))
        return Relabelled(_with_tools(opening, tools), _same(opening), maps)


class Descriptions:
    """Other words for the same meaning in the descriptions of tools and arguments."""

    def __init__(self) -> None:
        self.name = "descriptions"
        self.axis = "tools"

    def wrap(self, opening: Opening, *, seed: int, held_out: bool) -> Relabelled:
        """Draws one wording a class for the whole opening, so that its words agree."""
        random_ = _seeded(self.name, seed)
        verbs = _wordings(VERBS, random_)
        phrases = _wordings(PHRASES, random_)
        tools: list[Tool] = []
        for tool in opening.tools:
            properties = {
                argument: {**schema, "description": reword(schema["description"], {}, phrases)}
                if "description" in schema
                else schema
                for argument, schema in tool.arguments.items()
            }
            about = reword(tool.description, verbs, phrases)
            tools.append(
                _with_properties(tool, properties).model_copy(update={"description": about})
            )
        return Relabelled(_with_tools(opening, tools), _same(opening))


class Distractors:
    """One or two more tools that help with nothing; each answers with a named refusal."""

    def __init__(self) -> None:
        self.name = "distractors"
        self.axis = "tools"

    def wrap(self, opening: Opening, *, seed: int, held_out: bool) -> Relabelled:
        """Puts the distractors anywhere among the tools. They are called by their own names or by
        invented words; by held-out words alone where `held_out`, so that no name gives them away.
        """
        random_ = _seeded(self.name, seed)
        namer = _Namer(random_, opening, held_out=held_out)
        own_names = not held_out and random_.random() < 0.5
        tools = list(opening.tools)
        taken: set[str] = set()
        for distractor in random_.sample(DISTRACTORS, random_.randint(1, 2)):
            kept = own_names and distractor.name not in namer.taken
            name = distractor.name if kept else namer.word(taken)
            taken.add(name)
            tool = _distracting(distractor, name, namer, own_names=kept)
            tools.insert(random_.randint(0, len(tools)), tool)
        return Relabelled(_with_tools(opening, tools), _same(opening), refused=frozenset(taken))


def reword(text: str, verbs: Mapping[str, str], phrases: Mapping[str, str]) -> str:
    """`text` with words of the same meaning. Verbs change where a sentence or a clause begins,
    phrases anywhere; capitals are kept. `verbs` and `phrases` map each known wording to the one
    that is to stand for it."""
    if verbs:
        text = re.sub(
            rf"(^|[.;,]\s+|\band\s+|\bthen\s+|\bor\s+)({_either(verbs)})\b",
            lambda found: found[1] + _like(found[2], verbs[found[2].lower()]),
            text,
            flags=re.IGNORECASE,
        )
    return re.sub(
        rf"\b({_either(phrases)})\b",
        lambda found: _like(found[1], phrases[found[1].lower()]),
        text,
        flags=re.IGNORECASE,
    )


def _either(wordings: Mapping[str, str]) -> str:
    return "|".join(map(re.escape, sorted(wordings, key=len, reverse=True)))


def _like(old: str, new: str) -> str:
    return new[:1].upper() + new[1:] if old[:1].isupper() else new


def _wordings(classes: Iterable[tuple[str, ...]], random_: random.Random) -> dict[str, str]:
    wordings: dict[str, str] = {}
    for each in classes:
        drawn = random_.choice(each)
        wordings |= dict.fromkeys(each, drawn)
        wordings |= dict.fromkeys(map(inflected, each), inflected(drawn))
    return wordings


def _seeded(name: str, seed: int) -> random.Random:
    return random.Random(f"perturbation {name} {seed}")


def _same(opening: Opening) -> dict[str, str]:
    return {tool.name: tool.name for tool in opening.tools}


def _with_tools(opening: Opening, tools: Iterable[Tool]) -> Opening:
    return opening.model_copy(update={"tools": tuple(tools)})


def _with_properties(tool: Tool, properties: Mapping[str, Any]) -> Tool:
    if "properties" not in tool.parameters:
        return tool
    return tool.model_copy(update={"parameters": {**tool.parameters, "properties": properties}})


def _renamed_arguments(tool: Tool, shown: Mapping[str, str]) -> Tool:
    properties = {
        shown[own]: {**schema, "description": schema.get("description") or _spelled(own)}
        for own, schema in tool.arguments.items()
    }
    parameters = dict(tool.parameters)
    if properties:
        parameters["properties"] = properties
    if "required" in parameters:
        parameters["required"] = [shown.get(own, own) for own in parameters["required"]]
    about = _mentions(tool.description, shown)
    return tool.model_copy(update={"parameters": parameters, "description": about})


def _distracting(distractor: Distractor, name: str, namer: _Namer, *, own_names: bool) -> Tool:
    taken = {name}
    properties: dict[str, Any] = {}
    for own, about in distractor.arguments.items():
        argument = own if own_names else namer.word(taken)
        taken.add(argument)
        properties[argument] = {"type": "string", "description": about}
    parameters = {"type": "object", "properties": properties, "required": list(properties)}
    return Tool(name=name, description=distractor.about, parameters=parameters)


def _mentions(text: str, names: Mapping[str, str]) -> str:
    """`text` with the names in it replaced; only names that are no ordinary words are known."""
    for own, shown in names.items():
        if "_" in own:
            text = re.sub(rf"\b{re.escape(own)}\b", shown, text)
    return text


def _spelled(name: str) -> str:
    return re.sub(r"[_.-]+", " ", name)

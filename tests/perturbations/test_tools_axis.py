import random
from collections import defaultdict

import pytest

from surefoot.environments.builtin import BUILTIN
from surefoot.environments.tool import tool_from_function
from surefoot.joints import Wrapped
from surefoot.perturbations import (
    compose,
    description_vocabulary,
    familiar_names,
    make_perturbation,
)
from surefoot.perturbations.vocabulary import (
    ARGUMENT_NAMES,
    DISTRACTORS,
    PHRASES,
    TOOL_NAMES,
    VERBS,
)
from surefoot.perturbations.wrapped import Relabelled
from surefoot.records import Call, Message, Opening, Tool
from surefoot.records.errors import ConfigError
from surefoot.records.words import WORDS, is_held_out

TOOLS = tuple(tool_from_function(function) for function in BUILTIN)
OPENING = Opening(tools=TOOLS, messages=(Message(role="user", content="report the file"),))


def wrapped(name: str, seed: int, opening: Opening = OPENING) -> Opening:
    return compose([name], opening, seed=seed, held_out=False).opening


def test_familiar_names_are_plain_words_outside_of_the_pool_and_never_held_out() -> None:
    for word in familiar_names():
        assert word.isalpha() and word.islower() and len(word) <= 12
        assert word not in WORDS and not is_held_out(word), word


@pytest.mark.parametrize(
    "classes", [tuple(TOOL_NAMES.values()), tuple(ARGUMENT_NAMES.values()), VERBS, PHRASES]
)
def test_every_word_means_one_thing_only(classes: tuple[tuple[str, ...], ...]) -> None:
    words = [word for each in classes for word in each]
    assert len(words) == len(set(words))


def test_every_word_of_a_description_is_in_the_vocabulary() -> None:
    known = set(description_vocabulary())
    known |= {word for tool in TOOLS for word in tool.description.split()}
    known |= {
        word
        for tool in TOOLS
        for schema in tool.arguments.values()
        for word in schema["description"].split()
    }
    for seed in range(100):
        for tool in compose(
            ["distractors", "descriptions"], OPENING, seed=seed, held_out=False
        ).opening.tools:
            texts = [tool.description, *(each["description"] for each in tool.arguments.values())]
            assert {word for text in texts for word in text.split()} <= known


def test_each_workspace_tool_is_described_in_at_least_three_wordings() -> None:
    wordings: defaultdict[str, set[str]] = defaultdict(set)
    for seed in range(100):
        for tool in wrapped("descriptions", seed).tools:
            wordings[tool.name].add(tool.description)
    assert {name for name, texts in wordings.items() if len(texts) >= 3} == {t.name for t in TOOLS}


def test_no_rewording_makes_two_tools_read_alike() -> None:
    for seed in range(300):
        texts = [tool.description for tool in wrapped("descriptions", seed).tools]
        assert len(set(texts)) == len(texts)


def test_any_text_can_be_reworded_and_keeps_its_other_words() -> None:
    text = "Reads files in a folder, then lists them. Set theory: the profile and its keyboard."
    tool = Tool(name="x", description=text, parameters={})
    drawn = {
        wrapped("descriptions", seed, Opening(tools=(tool,), messages=())).tools[0].description
        for seed in range(50)
    }
    assert len(drawn) > 10
    assert all("profile and its keyboard" in each for each in drawn)
    assert all(each[0].isupper() for each in drawn)
    assert any(each.startswith("Views documents inside a directory, then shows") for each in drawn)


def test_names_are_drawn_in_every_mode() -> None:
    modes = {"familiar": 0, "random": 0, "swap": 0}
    for seed in range(200):
        drawn = compose(["names"], OPENING, seed=seed, held_out=False)
        shown = {tool.name: drawn.transport(Call(name=tool.name)).name for tool in TOOLS}
        assert len(set(shown.values())) == len(shown)
        own = [name in TOOL_NAMES[tool.split("_")[0]] for tool, name in shown.items()]
        known = [name in WORDS for name in shown.values()]
        mode = "random" if all(known) else "familiar" if all(own) else "swap"
        assert mode != "swap" or not any(own)
        modes[mode] += 1
    assert min(modes.values()) > 30
    assert modes["random"] > 70


def test_a_tool_of_ones_own_keeps_its_meaning_in_a_description() -> None:
    tool = Tool(
        name="book_room",
        description="",
        parameters={"type": "object", "properties": {"max_nights": {"type": "integer"}}},
    )
    opening = Opening(tools=(tool,), messages=())
    for seed in range(20):
        shown = compose(["names", "arguments"], opening, seed=seed, held_out=False).opening.tools[0]
        assert shown.name != "book_room" and "max_nights" not in shown.arguments
        assert shown.description == "book room"
        assert next(iter(shown.arguments.values()))["description"] == "max nights"


def test_mentions_of_names_follow_the_names() -> None:
    first = Tool(name="read_file", description="read a file", parameters={})
    second = Tool(
        name="close_file",
        description="close what read_file gave as file_number",
        parameters={"type": "object", "properties": {"file_number": {"type": "integer"}}},
    )
    opening = Opening(tools=(first, second), messages=())
    done = compose(["names", "arguments"], opening, seed=3, held_out=False)
    name = done.transport(Call(name="read_file")).name
    argument = next(iter(done.opening.tools[1].arguments))
    assert done.opening.tools[1].description == f"close what {name} gave as {argument}"


def test_required_arguments_stay_required() -> None:
    for seed in range(20):
        drawn = compose(["arguments", "order"], OPENING, seed=seed, held_out=False)
        for tool in TOOLS:
            call = Call(name=tool.name, arguments=dict.fromkeys(tool.parameters["required"], "a"))
            shown = next(each for each in drawn.opening.tools if each.name == tool.name)
            assert set(drawn.transport(call).arguments) == set(shown.parameters["required"])


def test_a_call_lists_its_arguments_as_its_tool_does() -> None:
    orders: set[tuple[str, ...]] = set()
    for seed in range(50):
        drawn = compose(["order", "arguments"], OPENING, seed=seed, held_out=False)
        call = Call(name="set_value", arguments={"path": "a", "key": "b", "value": "c"})
        shown = next(each for each in drawn.opening.tools if each.name == "set_value")
        assert list(drawn.transport(call).arguments) == list(shown.arguments)
        orders.add(tuple(drawn.transport(call).arguments.values()))
    assert len(orders) == 6


def test_distractors_stand_anywhere_and_mean_something_else() -> None:
    places: set[int] = set()
    for seed in range(100):
        tools = wrapped("distractors", seed).tools
        added = [n for n, tool in enumerate(tools) if tool not in TOOLS]
        assert 1 <= len(added) <= 2
        assert {tools[n].description for n in added} <= {each.about for each in DISTRACTORS}
        places |= set(added)
    assert len(places) >= len(TOOLS)


def test_messages_are_left_alone() -> None:
    for name in ("names", "arguments", "order", "descriptions", "distractors"):
        assert wrapped(name, 1).messages == OPENING.messages


def test_an_unknown_perturbation_names_the_nearest_one() -> None:
    with pytest.raises(ConfigError, match="did you mean names"):
        make_perturbation("name")


class Shout:
    """A perturbation of one's own: tool names in capitals."""

    def __init__(self) -> None:
        self.name = "shout"
        self.axis = "tools"

    def wrap(self, opening: Opening, *, seed: int, held_out: bool) -> Wrapped:
        names = {tool.name: tool.name.upper() for tool in opening.tools}
        tools = [tool.model_copy(update={"name": names[tool.name]}) for tool in opening.tools]
        return Relabelled(opening.model_copy(update={"tools": tuple(tools)}), names)


def test_a_perturbation_of_ones_own_composes_with_the_others() -> None:
    call = Call(name="read_file", arguments={"path": "a"})
    for names in (["order", Shout(), "arguments"], [Shout(), "names"], ["distractors", Shout()]):
        drawn = compose(names, OPENING, seed=random.Random(4).randint(0, 9), held_out=False)
        assert drawn.recover(drawn.transport(call)) == call

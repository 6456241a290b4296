"""Calls go through every perturbation, in every order, and come back exactly."""

import itertools
import random
from typing import Any

import pytest

from surefoot.environments.builtin import BUILTIN
from surefoot.environments.tool import tool_from_function
from surefoot.formats import FORMATS, make_format
from surefoot.perturbations import PERTURBATIONS, compose
from surefoot.records import Call, Opening, Reply, Result, Tool
from surefoot.records.words import WORDS, is_held_out

WORKSPACE = [tool_from_function(function) for function in BUILTIN]
NESTED = Tool(
    name="book_room",
    description="",
    parameters={
        "type": "object",
        "properties": {
            "guest": {
                "type": "object",
                "properties": {"name": {"type": "string"}, "age": {"type": "integer"}},
                "required": ["name"],
            },
            "nights": {"type": "array", "items": {"type": "integer"}},
            "name": {"type": "string"},
        },
        "required": ["guest"],
    },
)
OPEN_ENDED = Tool(
    name="anything",
    description="do it",
    parameters={"properties": {}, "additionalProperties": True},
)
EMPTY = Tool(name="ls", description="list", parameters={})
ONES = [(name,) for name in PERTURBATIONS]
PAIRS = list(itertools.product(PERTURBATIONS, repeat=2))
ORDERS = list(itertools.permutations(PERTURBATIONS))


def opening(seed: int) -> Opening:
    chosen = random.Random(seed).sample(WORKSPACE, 4)
    return Opening(tools=(*chosen, NESTED, OPEN_ENDED, EMPTY), messages=())


def some_calls(tools: tuple[Tool, ...], seed: int) -> list[Call]:
    random_ = random.Random(seed)
    made: list[Call] = []
    for tool in tools:
        arguments: dict[str, Any] = {}
        for name, schema in tool.arguments.items():
            if name in tool.parameters.get("required", ()) or random_.random() < 0.7:
                value = {"object": {"name": "guest", "age": 3}, "array": [1, 2]}
                arguments[name] = value.get(schema["type"], random_.choice(["a.txt", "x, y", "62"]))
        if tool.parameters.get("additionalProperties"):
            arguments |= {"free": 1, "path": "a"}
        made.append(Call(name=tool.name, arguments=arguments))
    return made


@pytest.mark.parametrize("names", [(), *ONES, *PAIRS], ids="+".join)
def test_recover_undoes_transport(names: tuple[str, ...]) -> None:
    for seed in range(40):
        start = opening(seed)
        wrapped = compose(names, start, seed=seed, held_out=seed % 2 == 0)
        for call in some_calls(start.tools, seed):
            assert wrapped.recover(wrapped.transport(call)) == call


def test_recover_undoes_transport_through_all_in_every_order() -> None:
    for seed, names in enumerate(ORDERS):
        start = opening(seed)
        wrapped = compose(names, start, seed=seed, held_out=seed % 2 == 0)
        for call in some_calls(start.tools, seed):
            assert wrapped.recover(wrapped.transport(call)) == call


@pytest.mark.parametrize("name", FORMATS)
def test_calls_survive_any_format_under_any_perturbation(name: str) -> None:
    for seed, names in enumerate([(), *ONES, *PAIRS, *ORDERS]):
        start = opening(seed)
        wrapped = compose(names, start, seed=seed, held_out=seed % 2 == 0)
        form = make_format(name, seed=seed, held_out=seed % 2 == 0)
        shown = [tool for tool in wrapped.opening.tools if tool.description]
        assert all(tool.name in form.present(wrapped.opening.tools) for tool in shown)
        made = some_calls(start.tools, seed)
        message = form.write("so", [wrapped.transport(call) for call in made])
        read = form.parse(message, wrapped.opening.tools)
        assert isinstance(read, Reply), read
        recovered = [wrapped.recover(call) for call in read.calls]
        assert [call.name for call in recovered] == [call.name for call in made]
        # Without a schema, a text format cannot tell the number 1 from the text 1.
        assert recovered[:5] == made[:5] and recovered[6] == made[6]


@pytest.mark.parametrize("names", [(), *ONES, *PAIRS], ids="+".join)
def test_what_cannot_be_meant_recovers_to_a_named_refusal(names: tuple[str, ...]) -> None:
    for seed in range(20):
        start = opening(seed)
        wrapped = compose(names, start, seed=seed, held_out=False)
        own = {wrapped.transport(Call(name=tool.name)).name for tool in start.tools}
        added = [tool for tool in wrapped.opening.tools if tool.name not in own]
        assert bool(added) == ("distractors" in names)
        for tool in added:
            call = Call(name=tool.name, arguments=dict.fromkeys(tool.arguments, "a"))
            refused = wrapped.recover(call)
            assert isinstance(refused, Result) and refused.failed
            assert refused.name == tool.name
            assert refused.text == "this tool does nothing here"
        unknown = wrapped.recover(Call(name="no such tool"))
        assert isinstance(unknown, Result) and unknown.failed
        assert unknown.text == "no tool no such tool"


def test_a_tool_that_is_not_on_offer_never_becomes_one_that_is() -> None:
    """Programs of wrong solutions may call anything; misleading names must not help them."""
    for seed in range(100):
        start = opening(seed)
        wrapped = compose(tuple(PERTURBATIONS), start, seed=seed, held_out=False)
        for name in (*(tool.name for tool in wrapped.opening.tools), "list_files", "zz"):
            if name not in {tool.name for tool in start.tools}:
                found = wrapped.recover(wrapped.transport(Call(name=name)))
                assert isinstance(found, Result) and found.failed


def test_an_argument_that_is_not_shown_is_refused() -> None:
    wrapped = compose(["arguments"], opening(1), seed=1, held_out=False)
    refused = wrapped.recover(Call(name=wrapped.opening.tools[0].name, arguments={"zz": 1}))
    assert isinstance(refused, Result) and refused.failed and "zz" in refused.text


def test_results_come_back_under_the_name_that_was_called() -> None:
    for seed, names in enumerate([*ONES, *PAIRS, *ORDERS]):
        wrapped = compose(names, opening(seed), seed=seed, held_out=False)
        for tool in opening(seed).tools:
            shown = wrapped.transport(Call(name=tool.name)).name
            assert wrapped.result(Result(name=tool.name, text="ok")).name == shown


def shown_names(seed: int, *, held_out: bool) -> set[str]:
    start = opening(seed)
    wrapped = compose(["names", "arguments", "distractors"], start, seed=seed, held_out=held_out)
    tools = [
        tool for tool in wrapped.opening.tools if "additionalProperties" not in tool.parameters
    ]
    return {tool.name for tool in tools} | {each for tool in tools for each in tool.arguments}


def test_held_out_draws_are_disjoint_from_seen_draws() -> None:
    held_out = set[str]().union(*(shown_names(seed, held_out=True) for seed in range(200)))
    seen = set[str]().union(*(shown_names(seed, held_out=False) for seed in range(200)))
    assert all(is_held_out(name) and name in WORDS for name in held_out)
    assert not any(is_held_out(name) for name in seen)
    assert len(held_out) > 100 and len(seen) > 800


def test_wrapping_depends_on_the_seed_alone() -> None:
    drawn: set[str] = set()
    for seed in range(30):
        first = compose(tuple(PERTURBATIONS), opening(0), seed=seed, held_out=False).opening
        again = compose(tuple(PERTURBATIONS), opening(0), seed=seed, held_out=False).opening
        assert first == again
        drawn.add(first.model_dump_json())
    assert len(drawn) == 30


def test_each_perturbation_draws_apart_from_the_others() -> None:
    for seed in range(20):
        alone = compose(["names"], opening(seed), seed=seed, held_out=False)
        after = compose(
            ["descriptions", "order", "names"], opening(seed), seed=seed, held_out=False
        )
        assert {tool.name for tool in alone.opening.tools} != {
            tool.name for tool in opening(seed).tools
        }
        assert len(alone.opening.tools) == len(after.opening.tools)
        described = compose(["descriptions"], opening(seed), seed=seed, held_out=False).opening
        under_names = compose(["names", "descriptions"], opening(seed), seed=seed, held_out=False)
        texts = [tool.description for tool in described.tools if tool.description]
        assert set(texts) <= {tool.description for tool in under_names.opening.tools}

"""Whatever is written is read back: text, calls, values, in every format."""

import random
import string
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from surefoot.formats import FORMATS, combinations, make_format
from surefoot.formats.arguments import fit
from surefoot.formats.grammar import CLOSE, SEPARATOR, call_text, read_call
from surefoot.formats.message import EXAMPLE
from surefoot.formats.scan import Scanner
from surefoot.records import Call, ParseFault, Reply, Tool

TOKENS = [
    *("</tool_call>", "<tool_call>", "</parameter>", "<parameter name=", "</invoke>", "</call>"),
    *(
        "Action:",
        "Action Input:",
        "Observation:",
        '"',
        "'",
        "\\",
        "\n",
        "\r",
        "\t",
        " ",
        "",
        "null",
    ),
    *("true", "62", "-1.5e3", "{", "}", "[", "]", "]]", "}}", ";;", " end", " and ", " | ", ", "),
    *("; ", " / ", "=", ":=", "->", " is ", "(", ")", "@", "run ", "call: ", "é", "中", "\u2028"),
    *(string.ascii_lowercase[:4]),
]
texts = st.one_of(st.lists(st.sampled_from(TOKENS), max_size=6).map("".join), st.text(max_size=20))
scalars = st.one_of(st.none(), st.booleans(), st.integers(), texts)
values: st.SearchStrategy[Any] = st.recursive(
    scalars,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(texts, inner, max_size=3)),
    max_leaves=6,
)
TYPED: dict[str, tuple[dict[str, Any], st.SearchStrategy[Any]]] = {
    "text": ({"type": "string"}, texts),
    "whole": ({"type": "integer"}, st.integers()),
    "number": ({"type": "number"}, st.floats(allow_nan=False, allow_infinity=False)),
    "flag": ({"type": "boolean"}, st.booleans()),
    "maybe": ({"anyOf": [{"type": "string"}, {"type": "null"}]}, st.one_of(st.none(), texts)),
    "later": ({"type": "string", "default": None}, st.one_of(st.none(), texts)),
    "count-or.none": ({"type": ["integer", "null"]}, st.one_of(st.none(), st.integers())),
    "list": ({"type": "array"}, st.lists(values, max_size=3)),
    "odd name!": ({"type": "object"}, st.dictionaries(texts, values, max_size=3)),
    "loose": (
        {"anyOf": [{"type": "string"}, {"type": "object"}]},
        st.one_of(texts, st.dictionaries(texts, values, max_size=2)),
    ),
    "choice": ({"enum": ["a", "null", "[", "1"]}, st.sampled_from(["a", "null", "[", "1"])),
}
TOOLS = [
    Tool(
        name=name,
        description="does it",
        parameters={"type": "object", "properties": {k: v[0] for k, v in TYPED.items()}},
    )
    for name in ("do", "web-search.v2", "odd tool")
]
calls = st.builds(
    Call,
    name=st.sampled_from([tool.name for tool in TOOLS]),
    arguments=st.fixed_dictionaries({}, optional={k: v[1] for k, v in TYPED.items()}),
)
# Letters and digits alone cannot spell an opener, except `run ` and `call: `, which need a blank.
plain = st.text(alphabet="abc XYZ\n.é", max_size=30)
seeds = st.integers(0, 10**6)


@pytest.mark.parametrize("name", FORMATS)
@settings(max_examples=50, deadline=None)
@given(data=st.data())
def test_text_and_calls_come_back_exactly(name: str, data: st.DataObject) -> None:
    form = make_format(name, seed=data.draw(seeds), held_out=data.draw(st.booleans()))
    text, made = data.draw(plain), tuple(data.draw(st.lists(calls, max_size=3)))
    assert form.parse(form.write(text, made), TOOLS) == Reply(text=text, calls=made)


@pytest.mark.parametrize("name", FORMATS)
@settings(max_examples=50, deadline=None)
@given(data=st.data())
def test_types_come_back_as_they_were(name: str, data: st.DataObject) -> None:
    """Equality alone would take 1 for True and 1.0 for 1."""
    form = make_format(name, seed=data.draw(seeds))
    call = data.draw(calls)
    read = form.parse(form.write("", [call]), TOOLS)
    assert isinstance(read, Reply)
    assert {k: repr(v) for k, v in read.calls[0].arguments.items()} == {
        k: repr(v) for k, v in call.arguments.items()
    }


@pytest.mark.parametrize("name", FORMATS)
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_any_text_is_read_without_an_error(name: str, data: st.DataObject) -> None:
    form = make_format(name, seed=data.draw(seeds))
    written = form.write("", data.draw(st.lists(calls, max_size=2)))
    at = data.draw(st.integers(0, len(written)))
    until = data.draw(st.integers(at, len(written)))
    message = written[:at] + data.draw(texts) + written[until:]
    read = form.parse(message, TOOLS)
    assert isinstance(read, (Reply, ParseFault))
    if isinstance(read, ParseFault):
        assert len(read.detail) <= 80 and "\n" not in read.detail


@pytest.mark.parametrize("name", FORMATS)
def test_values_of_any_depth_and_length_are_read_without_an_error(name: str) -> None:
    form = make_format(name)
    for value in ("[" * 100_000, "9" * 100_000, '{"a":' * 50_000, '"\\ud800"', "NaN", '"\\ud8'):
        message = form.write("", [Call(name="do", arguments={"list": 77777})])
        read = form.parse(message.replace("77777", value), TOOLS)
        assert isinstance(read, ParseFault)
        assert read.kind != "unknown_tool"


@pytest.mark.parametrize("name", FORMATS)
def test_strings_that_look_like_something_else_stay_strings(name: str) -> None:
    for seed in range(20):
        form = make_format(name, seed=seed)
        for looks in (
            "null",
            "",
            " ",
            " a",
            "a ",
            "62",
            "true",
            "{}",
            "[1]",
            '"a"',
            '"',
            "{",
            "NaN",
        ):
            for argument in ("text", "maybe", "later", "loose"):
                call = Call(name="do", arguments={argument: looks})
                assert form.parse(form.write("", [call]), TOOLS) == Reply(text="", calls=(call,))


def test_every_combination_of_the_grammar_reads_its_own_calls() -> None:
    random_ = random.Random(0)
    named: dict[str, Any] = {each: {"type": "string"} for each in "abc"}
    tool = Tool(name="do", description="", parameters={"properties": named})
    for syntax in combinations():
        values = ["".join(random_.choices(TOKENS, k=random_.randint(0, 4))) for _ in range(3)]
        made = Call(name="do", arguments=dict(zip("abc", values, strict=True)))
        scanner = Scanner(call_text(syntax, made) + "\n" + call_text(syntax, EXAMPLE))
        assert fit(*read_call(syntax, scanner), [tool]) == made
        assert scanner.accept("\n")
        assert read_call(syntax, scanner).name == EXAMPLE.name
        assert scanner.done


def test_no_separator_and_closing_is_a_part_of_the_other() -> None:
    for separator in SEPARATOR:
        for close in CLOSE:
            assert separator not in close and close not in separator


@pytest.mark.parametrize("name", FORMATS)
def test_the_presentation_ends_with_a_call_that_parses(name: str) -> None:
    neutral = Tool(
        name="name",
        description="",
        parameters={"properties": {"first": {"type": "string"}, "next": {"type": "string"}}},
    )
    for seed in range(100):
        form = make_format(name, seed=seed, held_out=seed % 2 == 1)
        example = form.present(TOOLS).split("to call:\n")[-1]
        assert form.parse(example, [neutral]) == Reply(text="", calls=(EXAMPLE,))

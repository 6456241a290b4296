import re

import pytest

from surefoot.formats import FORMATS, HELD_OUT_FORMATS, combinations, counts, make_format
from surefoot.formats.grammar import Grammar
from surefoot.formats.listing import LAYOUTS
from surefoot.records import Call, ParseFault, Reply, Result, Tool
from surefoot.records.errors import ConfigError
from surefoot.records.words import is_held_out

READ = Tool(
    name="read",
    description="Read a file.",
    parameters={
        "type": "object",
        "properties": {
            "path": {"type": "string", "description": "file path"},
            "limit": {"type": "integer", "description": "most lines"},
        },
        "required": ["path"],
    },
)
OTHER = Tool(
    name="mark",
    description="Mark",
    parameters={
        "type": "object",
        "properties": {
            "flag": {"type": "boolean"},
            "size": {"type": "number"},
            "kind": {"type": "string", "enum": ["big", "small"]},
        },
    },
)
TOOLS = [READ, OTHER]


def parsed(name: str, message: str) -> Reply | ParseFault:
    return make_format(name).parse(message, TOOLS)


def test_the_grammar_has_at_least_7000_combinations_and_a_tenth_is_held_out() -> None:
    sizes = counts()
    assert sizes.seen + sizes.held_out == len({each.fingerprint for each in combinations()})
    assert sizes.seen >= 7000
    assert 0.08 < sizes.held_out / (sizes.seen + sizes.held_out) < 0.12


def test_held_out_draws_and_seen_draws_are_disjoint() -> None:
    for held_out in (False, True):
        for seed in range(500):
            form = Grammar(seed=seed, held_out=held_out)
            assert is_held_out(form.combination.fingerprint) == held_out


def test_a_drawn_format_depends_on_its_seed_alone() -> None:
    first = [make_format("grammar", seed=seed).present(TOOLS) for seed in range(50)]
    assert first == [make_format("grammar", seed=seed).present(TOOLS) for seed in range(50)]
    assert len(set(first)) > 45


def test_every_layout_is_drawn_and_shows_every_name_and_description() -> None:
    drawn = {Grammar(seed=seed).layout for seed in range(200)}
    assert drawn == set(LAYOUTS)
    for layout in LAYOUTS.values():
        text = layout(READ)
        for shown in ("read", "read a file", "path", "file path", "limit", "integer most lines"):
            assert shown in text


@pytest.mark.parametrize("name", ["hermes", "xml"])
def test_the_hand_written_formats_put_the_description_before_the_name(name: str) -> None:
    text = make_format(name).present([READ])
    assert text.index("read a file") < text.index('"read"')


def test_an_unknown_format_names_the_nearest_one() -> None:
    with pytest.raises(ConfigError, match="did you mean hermes"):
        make_format("hermse")


def test_the_format_that_no_training_shows_is_known() -> None:
    assert set(HELD_OUT_FORMATS) < set(FORMATS)


@pytest.mark.parametrize("name", FORMATS)
def test_a_message_without_a_call_is_an_answer(name: str) -> None:
    for text in ("", "the file is a.txt", "a <b> {c} [d]\n\nlast line\n"):
        assert parsed(name, text) == Reply(text=text)


@pytest.mark.parametrize("name", FORMATS)
def test_faults_have_their_kind(name: str) -> None:
    form = make_format(name)

    def kind(call: Call) -> str:
        fault = form.parse(form.write("", [call]), TOOLS)
        assert isinstance(fault, ParseFault)
        return fault.kind

    assert kind(Call(name="reed", arguments={"path": "a"})) == "unknown_tool"
    assert kind(Call(name="read")) == "bad_arguments"
    assert kind(Call(name="read", arguments={"path": "a", "extra": "b"})) == "bad_arguments"
    assert kind(Call(name="read", arguments={"path": "a", "limit": "many"})) == "bad_arguments"
    assert kind(Call(name="mark", arguments={"kind": "huge"})) == "bad_arguments"
    whole = form.write("", [Call(name="read", arguments={"path": "a"})])
    cut = form.parse(whole[:-1], TOOLS)
    assert isinstance(cut, ParseFault) and cut.kind in ("unclosed", "malformed")
    after = form.parse(whole + "\nso I called it", TOOLS)
    assert isinstance(after, ParseFault) and after.kind == "malformed"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("hermes", '<tool_call>{"name": "read"'),
        ("hermes", "<tool_call>"),
        ("xml", '<invoke name="read"><parameter name="path">a'),
        ("xml", '<invoke name="read">'),
        ("react", "Action: read"),
        ("react", "Action: read\nAction Input:"),
    ],
)
def test_a_call_that_is_cut_off_is_unclosed(name: str, message: str) -> None:
    fault = parsed(name, message)
    assert isinstance(fault, ParseFault) and fault.kind == "unclosed"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("hermes", "<tool_call>{read a}</tool_call>"),
        ("hermes", '<tool_call>["read"]</tool_call>'),
        ("hermes", '<tool_call>{"name": 1}</tool_call>'),
        ("xml", '<invoke name="read"><path>a</path></invoke>'),
        ("xml", '<invoke tool="read"></invoke>'),
        ("react", "Action: read\nAction Input: a"),
        ("react", "Action: read\nAction Input: [1]"),
    ],
)
def test_a_call_that_is_something_else_is_malformed(name: str, message: str) -> None:
    fault = parsed(name, message)
    assert isinstance(fault, ParseFault) and fault.kind == "malformed"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (
            "hermes",
            'so:\n<tool_call>\n{"name": "read", "arguments": {"path": "a"}}\n</tool_call>\n',
        ),
        ("xml", 'so:\n<invoke name="read">\n<parameter name="path">a</parameter>\n</invoke>\n'),
        ("react", 'so:\nAction: read\nAction Input: {\n  "path": "a"\n}\n'),
    ],
)
def test_white_space_is_read_as_the_tradition_has_it(name: str, message: str) -> None:
    expected = Call(name="read", arguments={"path": "a"})
    assert parsed(name, message) == Reply(text="so:", calls=(expected,))


def test_values_are_read_as_the_schema_says() -> None:
    message = '<tool_call>{"name": "read", "arguments": {"path": 62, "limit": "3"}}</tool_call>'
    expected = Call(name="read", arguments={"path": "62", "limit": 3})
    assert parsed("hermes", message) == Reply(text="", calls=(expected,))
    parts = '<parameter name="flag">True</parameter><parameter name="size">2</parameter>'
    expected = Call(name="mark", arguments={"flag": True, "size": 2})
    assert parsed("xml", f'<invoke name="mark">{parts}</invoke>') == Reply(
        text="", calls=(expected,)
    )


def test_plain_values_are_written_bare() -> None:
    call = Call(name="read", arguments={"path": "sh check.sh 62", "limit": 3})
    assert ">sh check.sh 62<" in make_format("xml").write("", [call])
    bare = next(
        form for seed in range(99) if (form := Grammar(seed=seed)).combination.quoting == "bare"
    )
    assert '"' not in bare.write("", [call])


@pytest.mark.parametrize("name", FORMATS)
def test_results_are_short_and_failures_say_so(name: str) -> None:
    form = make_format(name)
    good, bad = Result(name="read", text="hello"), Result(name="read", text="no file", failed=True)
    both = form.render([good, bad])
    assert both.role in ("tool", "user")
    assert re.search("hello(.|\n)*error: no file", both.content)
    assert len(both.content) <= len("helloerror: no file") + 70
    said = Result(name="read", text="error: no file", failed=True)
    assert form.render([said]) == form.render([bad])

"""Templates differ; what is written stays right, and no content forges a special token."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.letters import SPECIALS, Letters, Template, plain
from surefoot.gateway import Renderer
from surefoot.records import Message
from surefoot.records.errors import PolicyError


def refusing(*roles: str) -> Template:
    def template(messages: Sequence[Message], generate: bool) -> str:
        if any(message.role in roles for message in messages):
            raise ValueError(f"no {roles}")
        return plain(messages, generate)

    return template


def alternating(messages: Sequence[Message], generate: bool) -> str:
    roles = [message.role for message in messages]
    if roles != [("user", "assistant")[at % 2] for at in range(len(roles))]:
        raise ValueError("roles must alternate")
    return plain(messages, generate)


def silent_about_tools(messages: Sequence[Message], generate: bool) -> str:
    return plain([message for message in messages if message.role != "tool"], generate)


def trimming(messages: Sequence[Message], generate: bool) -> str:
    trimmed = [m.model_copy(update={"content": m.content.strip()}) for m in messages]
    return plain(trimmed, generate)


def says(role: str, content: str) -> Message:
    return Message.model_validate({"role": role, "content": content})


OPENING = [says("system", "be good"), says("user", "do it")]


@pytest.mark.parametrize(
    ("template", "opening", "result"),
    [
        (plain, "<s>system:be good<end>\n<s>user:do it<end>\n<s>assistant:", "tool"),
        (refusing("system"), "<s>user:be good\n\ndo it<end>\n<s>assistant:", "tool"),
        (refusing("tool"), "<s>system:be good<end>\n<s>user:do it<end>\n<s>assistant:", "user"),
        (refusing("system", "tool"), "<s>user:be good\n\ndo it<end>\n<s>assistant:", "user"),
        (alternating, "<s>user:be good\n\ndo it<end>\n<s>assistant:", "user"),
        (silent_about_tools, "<s>system:be good<end>\n<s>user:do it<end>\n<s>assistant:", "user"),
        (trimming, "<s>system:be good<end>\n<s>user:do it<end>\n<s>assistant:", "tool"),
    ],
)
def test_roles_that_a_template_lacks_are_written_as_the_nearest(
    template: Template, opening: str, result: str
) -> None:
    letters = Letters(template)
    renderer = Renderer(letters)
    assert letters.spelled(renderer.opening(OPENING)) == opening
    follows = letters.spelled(renderer.following([says("tool", "42")], 1))
    assert follows == f"\n<s>{result}:42<end>\n<s>assistant:"


def test_a_template_without_assistants_is_refused() -> None:
    with pytest.raises(PolicyError, match="user and assistant"):
        Renderer(Letters(refusing("assistant")))


def test_the_templates_own_end_stays_behind_any_other_end() -> None:
    letters = Letters()
    renderer = Renderer(letters)
    behind = {token: letters.spelled(renderer.following([says("tool", "x")], token))
              for token in (1, 2, 10 + ord("a"))}  # fmt: skip
    assert behind[1] == "\n<s>tool:x<end>\n<s>assistant:"
    assert behind[2] == behind[10 + ord("a")] == "<end>" + behind[1]


PIECES = (*SPECIALS, "a", " ", "\n", "kept words", "0", "stand in for what was said")
CONTENT = st.lists(st.sampled_from(PIECES), max_size=6).map("".join)


@given(contents=st.lists(CONTENT, min_size=1, max_size=4), trims=st.booleans())
def test_no_content_forges_a_special_token(contents: list[str], trims: bool) -> None:
    """The special tokens are the template's, in number and in order; nothing said is lost."""
    letters = Letters(trimming if trims else plain)
    renderer = Renderer(letters)
    messages = [says("user", content) for content in contents]
    for tokens, marks in (
        (renderer.opening(messages), [0, 1] * len(messages) + [0]),
        (renderer.following(messages, 1), [0, 1] * len(messages) + [0]),
    ):
        assert [token for token in tokens if token < 10] == marks
        bodies = []
        for token in tokens:
            if token == 0:
                bodies.append("")
            elif token >= 10 and bodies:
                bodies[-1] += chr(token - 10)
        said = [body.partition(":")[2].removesuffix("\n").strip() for body in bodies[:-1]]
        assert said == [content.removesuffix("\n").strip() for content in contents]

"""Law: the tokens trained are the tokens sampled, each once; what was given never trains. With the
embedded tokenizer and with real ones."""

from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest

from surefoot.engines.scripted import ScriptedEngine
from surefoot.formats import make_format
from surefoot.gateway import Budget, Renderer, Session, Voice
from surefoot.gateway.tokenizer import HuggingFaceTokenizer
from surefoot.joints import Tokenizer
from surefoot.records import (
    Dispatch,
    Episode,
    Goal,
    Message,
    Outcome,
    Reward,
    Sampling,
    Tool,
    Variation,
)
from surefoot.run import policy_directory
from surefoot.training.batch import episode_rows

NASTY = ("ünïcödé 🎈", "  two  spaces ", "tab\tand\nline", "<|im_end|>", "[/INST] </s>", "a" * 40)
TOOL = Tool(name="read", description="read", parameters={"type": "object", "properties": {}})


class Mistral:
    """A tokenizer of mistral-common, with the chat template of its family."""

    def __init__(self, *, tekken: bool) -> None:
        package = pytest.importorskip(
            "mistral_common.tokens.tokenizers.mistral",
            reason="the real tokenizers are not installed: make extras",
        )
        inner = package.MistralTokenizer.v3(is_tekken=tekken)
        self._inner: Any = inner.instruct_tokenizer.tokenizer
        self.stop = (self._inner.eos_id,)
        self._specials = {
            text: self._inner.get_special_token(text) for text in ("[INST]", "[/INST]")
        } | {"</s>": self._inner.eos_id}

    def encode(self, text: str, *, special: bool) -> list[int]:
        if not special:
            return self._inner.encode(text, bos=False, eos=False)
        for mark, token in self._specials.items():
            if mark in text:
                before, _, after = text.partition(mark)
                return [
                    *self.encode(before, special=True),
                    token,
                    *self.encode(after, special=True),
                ]
        return self._inner.encode(text, bos=False, eos=False) if text else []

    def decode(self, tokens: Sequence[int]) -> str:
        plain = [token for token in tokens if token not in self._specials.values()]
        return self._inner.decode(plain)

    def special_texts(self) -> frozenset[str]:
        return frozenset(self._specials)

    def template(self, messages: Sequence[Message], *, generate: bool) -> str:
        parts = []
        for message in messages:
            if message.role in ("system", "tool"):
                raise ValueError("this template knows user and assistant")
            closing = "</s>" if message.role == "assistant" else "[/INST]"
            opening = "" if message.role == "assistant" else "[INST]"
            parts.append(opening + message.content + closing)
        return "".join(parts)


TOKENIZERS: dict[str, Callable[[], Tokenizer]] = {
    "embedded": lambda: HuggingFaceTokenizer(policy_directory("embedded")),
    "tekken": lambda: Mistral(tekken=True),
    "sentencepiece": lambda: Mistral(tekken=False),
}


@pytest.fixture(scope="module", params=TOKENIZERS)
def tokenizer(request: pytest.FixtureRequest) -> Tokenizer:
    return TOKENIZERS[request.param]()


def dispatch() -> Dispatch:
    goal = Goal(family="f", split="train", index=0, prompt="do it", horizon=1)
    variation = Variation(name="v", format="hermes")
    return Dispatch(step=1, group=0, attempt=0, goal=goal, variation=variation, version=4)


async def test_what_is_trained_is_what_was_sampled_each_once(tokenizer: Tokenizer) -> None:
    """The engine says tokens that no tokenizer would make of their own text."""
    random = Random(1)
    (end,) = tokenizer.stop
    sampled: list[list[int]] = []

    def script(tokens: Sequence[int], sampling: Sampling) -> Sequence[int]:
        said = tokenizer.encode(random.choice(NASTY), special=False)
        split = [t for token in said for t in (token, *tokenizer.encode("a", special=False)[-1:])]
        sampled.append([*(token for token in split if token != end), end])
        return sampled[-1]

    voice = Voice(
        engine=ScriptedEngine(script, version=4),
        renderer=Renderer(tokenizer),
        temperature=1.0,
        seed=0,
        budget=Budget(message_tokens=400, context_tokens=9000),
    )
    session = Session(voice, dispatch(), make_format("hermes"), [TOOL])
    await session.turn(
        [Message(role="system", content="be good"), Message(role="user", content=NASTY[3])]
    )
    for text in NASTY:
        await session.turn([Message(role="tool", content=text)])
    trace = session.trace("finished", ())
    episode = Episode(
        dispatch=dispatch(),
        trace=trace,
        reward=Reward(value=1.0),
        outcome=Outcome(kind="judged"),
    )
    rows = episode_rows(episode, 1.0)
    trained = [int(t) for row in rows for t in row.tokens_T[row.weights_T > 0]]
    assert trained == [token for said in sampled for token in said]
    given = [token for node in trace.nodes if not node.sampled for token in node.tokens]
    whole = np.concatenate([row.tokens_T for row in rows])
    assert len(whole) == len(trained) + len(given)


def test_a_tool_cannot_forge_the_end_of_a_message(tokenizer: Tokenizer) -> None:
    renderer = Renderer(tokenizer)
    (end,) = tokenizer.stop
    plain = renderer.following([Message(role="tool", content="x")], end)
    for forged in tokenizer.special_texts():
        tokens = renderer.following([Message(role="tool", content=f"x{forged}y")], end)
        for mark in tokenizer.special_texts():
            (special,) = tokenizer.encode(mark, special=True)
            assert tokens.count(special) == plain.count(special)


def test_what_follows_begins_right_behind_the_sampled_end(tokenizer: Tokenizer) -> None:
    """Opening + sampled + following is the template's own conversation."""
    renderer = Renderer(tokenizer)
    (end,) = tokenizer.stop
    first, said, then = (
        Message(role="user", content="first"),
        Message(role="assistant", content="said"),
        Message(role="user", content="then"),
    )
    spoken = [*tokenizer.encode("said", special=False), end]
    tokens = [*renderer.opening([first]), *spoken, *renderer.following([then], end)]
    whole = tokenizer.encode(tokenizer.template([first, said, then], generate=True), special=True)
    assert tokenizer.decode(tokens) == tokenizer.decode(whole)


def test_a_directory_without_a_tokenizer_is_named(tmp_path: Path) -> None:
    from surefoot.records.errors import PolicyError

    with pytest.raises(PolicyError, match="tokenizer"):
        HuggingFaceTokenizer(tmp_path)

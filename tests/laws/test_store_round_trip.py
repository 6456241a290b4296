"""Law: what a store takes comes back equal, bit for bit; and it comes back lazily."""

import math
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from store.made import dispatch, ended, metrics, version
from surefoot.records import (
    Dispatch,
    Effect,
    Episode,
    Event,
    Goal,
    Judged,
    Message,
    Node,
    Outcome,
    PolicyVersion,
    Record,
    Reward,
    Start,
    StepMetrics,
    Trace,
    Variation,
    Verdict,
    World,
)
from surefoot.store import memory_store
from surefoot.store.codec import unpack
from surefoot.store.reading import Row, read

PLAIN = st.text(max_size=20)
TEXT = PLAIN | st.text(st.characters(min_codepoint=0xDC00, max_codepoint=0xE010), max_size=4)
"""What a policy may write: halves of surrogate pairs too (but never in a key)."""
COUNT = st.integers(0, 2**40)
FINITE = st.floats(allow_nan=False, allow_infinity=False)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | FINITE | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(PLAIN, inner, max_size=3),
    max_leaves=5,
)
OBJECTS = st.dictionaries(PLAIN, JSON, max_size=3)
NAMES = st.lists(TEXT, max_size=3).map(tuple)
VARIATIONS = st.builds(Variation, name=TEXT, format=TEXT, perturbations=NAMES, seed=COUNT)
WORLDS = st.builds(
    World,
    files=st.dictionaries(PLAIN, TEXT, max_size=3),
    databases=st.dictionaries(PLAIN, TEXT, max_size=2),
    tools=NAMES,
)
GOALS = st.builds(
    Goal, family=PLAIN, index=COUNT, prompt=TEXT, expected=OBJECTS, world=WORLDS, horizon=COUNT
)
REWARDS = st.builds(
    Reward, value=FINITE, parts=st.dictionaries(PLAIN, FINITE, max_size=3), evidence=TEXT
)
MESSAGES = st.lists(st.builds(Message, content=TEXT), max_size=2).map(tuple)


@st.composite
def nodes(draw: st.DrawFn) -> Node:
    tokens = tuple(draw(st.lists(COUNT, max_size=5)))
    if not draw(st.booleans()):
        return Node(parent=None, tokens=tokens, messages=draw(MESSAGES))
    size = len(tokens)
    return Node(
        parent=draw(st.none() | COUNT),
        tokens=tokens,
        sampled=True,
        logprobs=tuple(draw(st.lists(FINITE, min_size=size, max_size=size))),
        versions=tuple(draw(st.lists(COUNT, min_size=size, max_size=size))),
        finish=draw(st.sampled_from(["stop", "length"])),
        messages=draw(MESSAGES),
    )


@st.composite
def episodes(draw: st.DrawFn) -> Episode:
    sent = Dispatch(
        step=draw(st.integers(0, 9)),
        group=draw(COUNT),
        attempt=draw(COUNT),
        number=draw(COUNT),
        goal=draw(GOALS),
        variation=draw(VARIATIONS),
        version=draw(COUNT),
    )
    said = Trace(
        episode=sent.id,
        goal=sent.goal.key,
        variation=draw(VARIATIONS),
        nodes=tuple(draw(st.lists(nodes(), max_size=3))),
        stop="turns",
        effects=tuple(draw(st.lists(st.builds(Effect, path=TEXT, size=st.none() | COUNT)))),
    )
    return Episode(
        dispatch=sent,
        trace=draw(st.none() | st.just(said)),
        reward=draw(st.none() | REWARDS),
        outcome=Outcome(kind=draw(st.sampled_from(["judged", "fault"])), reason=draw(PLAIN)),
        seconds=draw(FINITE),
    )


OTHERS = st.one_of(
    st.builds(Judged, perturbations=NAMES, sample=COUNT, reward=st.none() | FINITE, seconds=FINITE),
    st.builds(Event, kind=PLAIN, text=PLAIN, step=st.none(), values=OBJECTS),
    st.builds(Start, config=OBJECTS, seed=COUNT, versions=st.dictionaries(PLAIN, TEXT)),
)


@settings(max_examples=60, deadline=None)
@given(episode=episodes(), verdict=REWARDS)
def test_an_episode_comes_back_as_it_was(episode: Episode, verdict: Reward) -> None:
    name = episode.dispatch.id
    judged = Verdict(episode=name, judge="expert", reward=verdict)
    with memory_store() as store:
        store.write(episode.dispatch)
        store.write(episode, judged)
        assert list(store.stream(Dispatch, episode=name)) == [episode.dispatch]
        assert list(store.stream(Episode, episode=name)) == [episode]
        assert list(store.stream(Trace)) == ([episode.trace] if episode.trace else [])
        assert list(store.stream(Verdict))[-1] == judged


@settings(max_examples=60, deadline=None)
@given(record=OTHERS)
def test_other_records_come_back_as_they_were(record: Record) -> None:
    with memory_store() as store:
        store.write(record)
        assert list(store.stream(type(record))) == [record]


@settings(max_examples=60, deadline=None)
@given(values=st.dictionaries(PLAIN, FINITE | st.just(math.inf)), number=COUNT, directory=PLAIN)
def test_a_step_comes_back_as_it_was(values: dict[str, float], number: int, directory: str) -> None:
    step = StepMetrics(step=1, version=number, values=values)
    made = PolicyVersion(number=number, directory=directory)
    with memory_store() as store:
        store.commit(step, made, [])
        assert list(store.stream(StepMetrics, step=1)) == [step]
        assert list(store.stream(PolicyVersion)) == [made]


def test_a_metric_that_is_not_a_number_stays_one() -> None:
    with memory_store() as store:
        store.commit(metrics(1, loss=math.nan, norm=-math.inf), version(), [])
        (found,) = store.stream(StepMetrics)
    assert math.isnan(found.values["loss"])
    assert found.values["norm"] == -math.inf


def test_a_stream_reads_no_more_than_it_is_asked_for(monkeypatch: Any) -> None:
    """Rows are fetched a page at a time, and records are made one at a time."""
    made = 0
    fetched: list[int] = []

    def counting(kind: type[Record], body: bytes | str) -> Record:
        nonlocal made
        made += kind is Trace
        return unpack(kind, body)

    with memory_store() as store:

        def fetch(sql: str, values: tuple[object, ...]) -> list[Row]:
            rows = store._fetch(sql, values)
            fetched.append(len(rows))
            return rows

        sent = [dispatch(1, group) for group in range(400)]
        store.write(*sent)
        store.write(*(ended(one, "judged") for one in sent))
        monkeypatch.setattr("surefoot.store.reading.unpack", counting)
        stream = read(fetch, Episode, None, None, None)
        assert fetched == []
        next(stream)
        assert (made, len(fetched)) == (1, 1)
        assert sum(1 for _ in stream) == 399
    assert sum(fetched) == 400
    assert max(fetched) <= 100

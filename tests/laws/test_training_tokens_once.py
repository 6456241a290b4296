"""Tokens are conserved: trained exactly once, or given up with a named reason."""

from collections import Counter

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from surefoot.records import Group, Node
from surefoot.training.batch import episode_rows, make_batch, sampled_tokens
from surefoot.training.config import TrainingConfig
from training import tiny


@st.composite
def graphs(draw: st.DrawFn) -> tuple[Node, ...]:
    """Any token graph, each token with a number of its own so that it can be followed."""
    made: list[Node] = []
    number = 0
    for at in range(draw(st.integers(1, 9))):
        size = draw(st.integers(0, 4))
        sampled = draw(st.booleans())
        tokens = tuple(range(number, number + size))
        number += size
        made.append(
            Node(
                parent=draw(st.integers(0, at - 1)) if at else None,
                tokens=tokens,
                sampled=sampled,
                logprobs=tuple(-0.5 - token for token in tokens) if sampled else None,
                versions=(0,) * size if sampled else None,
            )
        )
    return tuple(made)


@given(graphs())
@settings(max_examples=200, deadline=None)
def test_each_sampled_token_is_trained_once(nodes: tuple[Node, ...]) -> None:
    rows = episode_rows(tiny.episode(nodes, reward=1.0), 0.5)
    trained = Counter(
        int(token) for row in rows for token in row.tokens_T[np.flatnonzero(row.weights_T)]
    )
    sampled = {token for node in nodes if node.sampled for token in node.tokens}
    first = {path[0] for path in _paths(nodes) if path}
    assert set(trained) == sampled - first
    assert all(count == 1 for count in trained.values())


@given(graphs())
@settings(max_examples=200, deadline=None)
def test_a_trained_token_stands_after_its_own_history(nodes: tuple[Node, ...]) -> None:
    paths = _paths(nodes)
    for row in episode_rows(tiny.episode(nodes, reward=1.0), 0.5):
        tokens = [int(token) for token in row.tokens_T]
        assert any(path[: len(tokens)] == tokens for path in paths)
        assert row.weights_T[-1] == 1.0
        for at in np.flatnonzero(row.weights_T):
            assert row.logprobs_T[at] == -0.5 - tokens[at]
            assert row.advantages_T[at] == 0.5


@given(st.lists(graphs(), min_size=1, max_size=5), st.lists(st.sampled_from([None, 0.0, 1.0])))
@settings(max_examples=100, deadline=None)
def test_tokens_trained_and_given_up_add_up_to_tokens_sampled(
    traces: list[tuple[Node, ...]], rewards: list[float | None]
) -> None:
    rewards = (rewards + [1.0, 0.0] * 3)[: len(traces)]
    members = tuple(
        tiny.episode(nodes, reward=reward, attempt=at)
        for at, (nodes, reward) in enumerate(zip(traces, rewards, strict=True))
    )
    batch = make_batch([Group(index=0, episodes=members)], TrainingConfig())
    ledger = batch.ledger
    assert ledger.sampled == sum(sampled_tokens(m.trace) for m in members if m.trace)
    assert ledger.sampled == ledger.trained + sum(ledger.given_up.values())
    assert set(batch.outcomes) == {member.dispatch.id for member in members}


def _paths(nodes: tuple[Node, ...]) -> list[list[int]]:
    trace = tiny.episode(nodes, reward=1.0).trace
    assert trace is not None
    parents = {node.parent for node in nodes}
    return [
        [token for at in trace.path(leaf) for token in nodes[at].tokens]
        for leaf in range(len(nodes))
        if leaf not in parents
    ]

"""From finished episodes to rows that a trainer can take, without torch.

    groups --filter--> advantages --> one row a root-to-leaf path --> units --> micro-batches

    trace          rows                        a node that branches share is trained in the first
    0-1-2-3        [0 1 2 3]  weights 0 1 0 1  row that holds it and is context in the others
        `-4-5      [0 1 4 5]  weights 0 0 0 1

The episode is the unit of weight: denominators are computed over a whole minibatch before it is
cut into micro-batches, so that these only sum. Invariant: tokens trained plus tokens given up with
a named reason equals tokens sampled.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from surefoot.records import Episode, Group, Outcome, Trace
from surefoot.records.errors import ConfigError
from surefoot.training.advantage import centred, filter_groups, leave_one_out
from surefoot.training.config import TrainingConfig

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Unit = Literal["tokens", "group_tokens", "episode_tokens", "episodes"]


@dataclass(frozen=True, kw_only=True)
class Row:
    """One sequence. T tokens; every array has one entry a token.

    `weights_T` is the weight with which a token trains: 0 for tokens that are only context.
    `logprobs_T` and `versions_T` are those of sampling, `advantages_T` the episode's advantage;
    all three are 0 where nothing trains and everywhere in a supervised row.
    """

    tokens_T: Integers
    weights_T: Floats
    logprobs_T: Floats
    advantages_T: Floats
    versions_T: Integers
    episode: str = ""
    group: int = 0

    def __len__(self) -> int:
        return len(self.tokens_T)

    @staticmethod
    def supervised(tokens: Sequence[int], weights: Sequence[float], episode: str = "") -> "Row":
        """A row of a demonstration: `weights` has one entry a token, the first of them 0."""
        if len(tokens) != len(weights):
            raise ValueError("a supervised row needs one weight for each token")
        zeros = np.zeros(len(tokens))
        return Row(
            tokens_T=np.asarray(tokens, np.int64),
            weights_T=np.asarray(weights, np.float64),
            logprobs_T=zeros,
            advantages_T=zeros,
            versions_T=np.zeros(len(tokens), np.int64),
            episode=episode,
        )


@dataclass(frozen=True, kw_only=True)
class Ledger:
    """Conservation of sampled tokens: `sampled == trained + sum(given_up.values())`."""

    sampled: int
    trained: int
    given_up: Mapping[str, int]


@dataclass(frozen=True, kw_only=True)
class Batch:
    """What one step trains on. `outcomes` has an entry for every episode that came in."""

    rows: tuple[Row, ...]
    outcomes: Mapping[str, Outcome]
    ledger: Ledger
    groups: int
    """Groups that came in, before filtering."""
    temperature: float = 1.0
    """Temperature of sampling; the trainer divides its logits by the same."""


def make_batch(
    groups: Sequence[Group],
    config: TrainingConfig,
    *,
    oldest: int = 0,
    temperature: float = 1.0,
) -> Batch:
    """Filters groups, computes advantages and lays out rows.

    Args:
        groups: the finished groups of this step, each episode with its reward.
        config: `loss` and `normalise` choose the advantage.
        oldest: oldest policy version that may still train; older episodes become `stale`.
        temperature: at which the episodes were sampled.

    Raises:
        ConfigError: the episodes were sampled greedily; there is no distribution to train.
    """
    if temperature <= 0.0:
        raise ConfigError("Training needs sampled episodes: set a temperature above 0.")
    kept, outcomes = filter_groups(groups, oldest=oldest)
    every = [episode for group in groups for episode in group.episodes]
    given_up: Counter[str] = Counter()
    for episode in every:
        outcome = outcomes.get(episode.dispatch.id)
        if outcome is not None and episode.trace is not None:
            given_up[outcome.reason or outcome.kind] += sampled_tokens(episode.trace)
    rows: list[Row] = []
    ended = dict(outcomes)
    for group in kept:
        for episode, advantage in zip(group.episodes, _advantages(group, config), strict=True):
            made = episode_rows(episode, advantage, group=group.index)
            rows.extend(made)
            ended[episode.dispatch.id] = Outcome(kind="trained")
            given_up["no_context"] += _without_context(episode)
    ledger = Ledger(
        sampled=sum(sampled_tokens(episode.trace) for episode in every if episode.trace),
        trained=sum(int(np.count_nonzero(row.weights_T)) for row in rows),
        given_up={reason: count for reason, count in sorted(given_up.items()) if count},
    )
    return Batch(
        rows=tuple(rows),
        outcomes=ended,
        ledger=ledger,
        groups=len(groups),
        temperature=temperature,
    )


def supervised_batch(rows: Iterable[Row]) -> Batch:
    """A batch of demonstrations, for the loss `sft`."""
    kept = tuple(rows)
    tokens = sum(int(np.count_nonzero(row.weights_T)) for row in kept)
    ledger = Ledger(sampled=tokens, trained=tokens, given_up={})
    return Batch(rows=kept, outcomes={}, ledger=ledger, groups=1)


def sampled_tokens(trace: Trace) -> int:
    """How many tokens the policy sampled in this trace."""
    return sum(len(node.tokens) for node in trace.nodes if node.sampled)


def _advantages(group: Group, config: TrainingConfig) -> list[float]:
    rewards = [episode.reward.value for episode in group.episodes if episode.reward is not None]
    if config.loss == "reinforce":
        return leave_one_out(rewards)
    return centred(rewards, normalise=config.normalise)


def _without_context(episode: Episode) -> int:
    """Sampled tokens at the very start of a trace: nothing stands before them to learn from."""
    if episode.trace is None:
        return 0
    nodes = episode.trace.nodes
    return sum(
        node.sampled
        and bool(node.tokens)
        and not any(nodes[above].tokens for above in episode.trace.path(at)[:-1])
        for at, node in enumerate(nodes)
    )


def episode_rows(episode: Episode, advantage: float, *, group: int = 0) -> list[Row]:
    """One row for each root-to-leaf path that still has something to train, cut after its last
    trained token. Each sampled node trains in exactly one row."""
    trace = episode.trace
    if trace is None:
        return []
    parents = {node.parent for node in trace.nodes}
    done: set[int] = set()
    rows: list[Row] = []
    for leaf in range(len(trace.nodes)):
        if leaf in parents:
            continue
        path = trace.path(leaf)
        fresh = {at for at in path if trace.nodes[at].sampled} - done
        row = _row(trace, path, fresh, advantage)
        done |= fresh
        if row is not None:
            rows.append(replace(row, episode=episode.dispatch.id, group=group))
    return rows


def _row(trace: Trace, path: list[int], fresh: set[int], advantage: float) -> Row | None:
    """The tokens along `path`; those of the nodes in `fresh` train. None where none does."""
    tokens: list[int] = []
    weights: list[float] = []
    logprobs: list[float] = []
    versions: list[int] = []
    for at in path:
        node = trace.nodes[at]
        trains = at in fresh
        size = len(node.tokens)
        tokens.extend(node.tokens)
        weights.extend([float(trains)] * size)
        logprobs.extend(node.logprobs if trains and node.logprobs else [0.0] * size)
        versions.extend(node.versions if trains and node.versions else [0] * size)
    if weights:
        weights[0] = 0.0
    mask = np.asarray(weights, np.float64)
    if not mask.any():
        return None
    end = int(np.flatnonzero(mask)[-1]) + 1
    return Row(
        tokens_T=np.asarray(tokens[:end], np.int64),
        weights_T=mask[:end],
        logprobs_T=np.asarray(logprobs[:end], np.float64) * mask[:end],
        advantages_T=advantage * mask[:end],
        versions_T=np.asarray(versions[:end], np.int64),
    )


def minibatches(rows: Sequence[Row], count: int, *, seed: int) -> list[list[Row]]:
    """Deals whole groups into at most `count` minibatches, in an order drawn from `seed`."""
    if count == 1:
        return [list(rows)] if rows else []
    groups = sorted({row.group for row in rows})
    order: list[int] = np.random.default_rng(seed).permutation(len(groups)).tolist()
    place = {groups[at]: number % count for number, at in enumerate(order)}
    dealt: list[list[Row]] = [[] for _ in range(count)]
    for row in rows:
        dealt[place[row.group]].append(row)
    return [part for part in dealt if part]


def weigh(rows: Sequence[Row], unit: Unit) -> list[Row]:
    """Rows whose weights add up as the loss wants it, over all rows given.

    tokens           1 / all tokens: every token counts the same
    group_tokens     1 / (groups x tokens of the group): CISPO and DAPO
    episode_tokens   1 / (episodes x tokens of the episode): GRPO and GSPO
    episodes         1 / episodes: every episode's sum counts whole, as REINFORCE has it
    """
    mass: defaultdict[object, float] = defaultdict(float)
    for row in rows:
        mass[_unit(row, unit)] += float(row.weights_T.sum())
    episodes = len({row.episode for row in rows})
    scale = {
        key: 1.0 / (episodes if unit == "episodes" else len(mass) * total)
        for key, total in mass.items()
        if total > 0
    }
    return [
        replace(row, weights_T=row.weights_T * scale.get(_unit(row, unit), 0.0)) for row in rows
    ]


def _unit(row: Row, unit: Unit) -> object:
    if unit == "tokens":
        return None
    return row.group if unit == "group_tokens" else row.episode


def pack(rows: Sequence[Row], limit: int, *, whole_episodes: bool = False) -> list[list[Row]]:
    """Cuts rows into micro-batches of at most `limit` tokens, similar lengths together.

    A row longer than `limit` goes alone. `whole_episodes` keeps the rows of an episode together,
    for losses whose ratio is the episode's; such an episode may exceed the limit.
    """
    pieces: dict[object, list[Row]] = {}
    for number, row in enumerate(rows):
        pieces.setdefault(row.episode if whole_episodes else number, []).append(row)
    packed: list[list[Row]] = []
    room = 0
    for piece in sorted(pieces.values(), key=lambda piece: max(len(row) for row in piece)):
        size = sum(len(row) for row in piece)
        if not packed or size > room:
            packed.append([])
            room = limit
        packed[-1].extend(piece)
        room -= size
    return packed

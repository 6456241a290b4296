"""A policy version, how it is sampled, and what was sampled."""

from surefoot.records.base import Record
from surefoot.records.trace import Finish


class PolicyVersion(Record):
    """One set of the policy's weights: version number and the directory that holds it."""

    number: int
    directory: str


class Sampling(Record):
    """How to sample one message.

    `noise` keys the random numbers of this message (made from seed, goal, attempt and turn); the
    engine adds the position, so what is sampled does not depend on which episodes share a batch.
    `temperature` 0 is greedy. There is no truncation (top-p, top-k): the log-probabilities are
    those of the distribution that was sampled from.
    """

    temperature: float = 1.0
    max_tokens: int
    stop: tuple[int, ...] = ()
    noise: int = 0


class Sampled(Record):
    """What an engine sampled: one log-probability and one policy version for each token."""

    tokens: tuple[int, ...]
    logprobs: tuple[float, ...]
    versions: tuple[int, ...]
    finish: Finish

# pyright: basic
"""The objectives: pure functions from log-probabilities to one scalar to minimise.

    Terms (M trained tokens of one micro-batch) --> Loss value and which ratios were clipped

No function here divides: `weights_M` already carries the denominators (see `batch.weigh`), so that
the losses of micro-batches add up to the loss of the step. r is the ratio of the probability of a
token under the weights in training to that under the weights which sampled it. There is no KL term.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import torch
from torch import Tensor

from surefoot.training.batch import Unit
from surefoot.training.config import LossName


class Terms(NamedTuple):
    """What a loss may look at; M trained tokens.

    `logprobs_M` carries the gradient; `old_logprobs_M` are those of sampling. `episodes_M` numbers
    the episode of each token from 0.
    """

    logprobs_M: Tensor
    old_logprobs_M: Tensor
    advantages_M: Tensor
    weights_M: Tensor
    episodes_M: Tensor


class Clip(NamedTuple):
    """The ratio stays between 1 - low and 1 + high where the loss clips it."""

    low: float
    high: float


class Value(NamedTuple):
    """A loss to minimise, and for each token whether its ratio was clipped."""

    loss: Tensor
    clipped_M: Tensor


def cispo(terms: Terms, clip: Clip) -> Value:
    """Clipped importance weight with stopped gradient (MiniMax-M1 report, arXiv 2506.13585, eq. 4).

    -sum w sg(min(r, 1 + high)) A log p. No lower bound; a clipped token keeps its gradient.
    """
    ratio_M = _ratio(terms).detach()
    weight_M = ratio_M.clamp(max=1.0 + clip.high)
    loss = -(terms.weights_M * weight_M * terms.advantages_M * terms.logprobs_M).sum()
    return Value(loss, ratio_M > 1.0 + clip.high)


def clipped_surrogate(terms: Terms, clip: Clip) -> Value:
    """-sum w min(r A, clip(r) A) at every token (Schulman et al. 2017, arXiv 1707.06347, eq. 7).

    GRPO (arXiv 2402.03300, eq. 3, without the KL term) clips evenly and averages by episode; DAPO
    (arXiv 2503.14476, eq. 8) clips higher above than below and averages over the group's tokens.
    """
    return _surrogate(_ratio(terms), terms, clip)


def gspo(terms: Terms, clip: Clip) -> Value:
    """As `clipped_surrogate`, with one ratio an episode: the geometric mean of its tokens' ratios
    (Zheng et al. 2025, arXiv 2507.18071, eq. 5 and 7). Needs whole episodes."""
    difference_M = terms.logprobs_M - terms.old_logprobs_M
    count = int(terms.episodes_M.max()) + 1 if terms.episodes_M.numel() else 0
    zeros = torch.zeros(count, dtype=difference_M.dtype, device=difference_M.device)
    total = zeros.index_add(0, terms.episodes_M, difference_M)
    tokens = zeros.index_add(0, terms.episodes_M, torch.ones_like(difference_M))
    ratio = (total / tokens.clamp(min=1.0)).exp()
    return _surrogate(ratio[terms.episodes_M], terms, clip)


def reinforce(terms: Terms, clip: Clip) -> Value:
    """-sum w A log p: the policy gradient itself (Williams 1992), with no ratio. `clip` is unused.

    With the leave-one-out advantage it is RLOO (Ahmadian et al. 2024, arXiv 2402.14740, eq. 8).
    """
    loss = -(terms.weights_M * terms.advantages_M * terms.logprobs_M).sum()
    return Value(loss, torch.zeros_like(terms.weights_M, dtype=torch.bool))


def sft(terms: Terms, clip: Clip) -> Value:
    """-sum w log p: weighted cross entropy on demonstrations. `clip` and advantages are unused."""
    loss = -(terms.weights_M * terms.logprobs_M).sum()
    return Value(loss, torch.zeros_like(terms.weights_M, dtype=torch.bool))


def _ratio(terms: Terms) -> Tensor:
    return (terms.logprobs_M - terms.old_logprobs_M).exp()


def _surrogate(ratio_M: Tensor, terms: Terms, clip: Clip) -> Value:
    advantages_M = terms.advantages_M
    bounded_M = ratio_M.clamp(1.0 - clip.low, 1.0 + clip.high)
    loss = -(
        terms.weights_M * torch.minimum(ratio_M * advantages_M, bounded_M * advantages_M)
    ).sum()
    above_M = (advantages_M > 0) & (ratio_M > 1.0 + clip.high)
    below_M = (advantages_M < 0) & (ratio_M < 1.0 - clip.low)
    return Value(loss, (above_M | below_M).detach())


class Loss(NamedTuple):
    """A loss with what the trainer must know of it."""

    value: Callable[[Terms, Clip], Value]
    unit: Unit
    clip: Clip
    """Used where the configuration leaves it to the loss."""
    whole_episodes: bool = False
    """The rows of an episode must share a micro-batch."""


LOSSES: Mapping[LossName, Loss] = {
    # The report gives no upper bound; a weight of at most 2 is the cap that TIS and TRL use.
    "cispo": Loss(cispo, "group_tokens", Clip(1.0, 1.0)),
    "grpo": Loss(clipped_surrogate, "episode_tokens", Clip(0.2, 0.2)),
    "dapo": Loss(clipped_surrogate, "group_tokens", Clip(0.2, 0.28)),
    "gspo": Loss(gspo, "episode_tokens", Clip(3e-4, 4e-4), whole_episodes=True),
    "reinforce": Loss(reinforce, "episodes", Clip(1.0, 1.0)),
    "sft": Loss(sft, "tokens", Clip(1.0, 1.0)),
}

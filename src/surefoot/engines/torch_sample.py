# pyright: basic
"""Draws tokens, and says with which log-probability, exactly.

One uniform a token, from a counter-based generator keyed by the message's noise, is looked up in
the cumulative distribution of that row alone. So what is drawn depends on the row's logits and on
its noise, not on who shares the batch. There is no truncation (top-p, top-k).

Shapes: R rows, V vocabulary.
"""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor


def uniforms(noise: int, count: int) -> list[float]:
    """`count` numbers in [0, 1) for the positions of one message (Philox 4x64-10, Salmon et al.,
    "Parallel random numbers: as easy as 1, 2, 3", 2011)."""
    key = np.array(
        [noise & 0xFFFFFFFFFFFFFFFF, (noise >> 64) & 0xFFFFFFFFFFFFFFFF], dtype=np.uint64
    )
    return np.random.Generator(np.random.Philox(key=key)).random(count).tolist()


def draw(
    logits_RV: Tensor, temperatures: Sequence[float], numbers: Sequence[float]
) -> tuple[list[int], list[float]]:
    """Draws one token a row.

    Args:
        logits_RV: float32.
        temperatures: one a row; 0 takes the likeliest token.
        numbers: one uniform in [0, 1) a row.

    Returns:
        Tokens, and their log-probabilities under softmax(logits / temperature); of a greedy token,
        under temperature 1.
    """
    greedy = [temperature == 0 for temperature in temperatures]
    scales = [temperature or 1.0 for temperature in temperatures]
    if any(scale != 1.0 for scale in scales):
        logits_RV = logits_RV / torch.tensor(scales, device=logits_RV.device)[:, None]
    logprobs_RV = torch.log_softmax(logits_RV, -1)
    # float64: a float32 sum over a large vocabulary would shift the boundaries between tokens
    reached_RV = torch.cumsum(logprobs_RV.exp(), -1, dtype=torch.float64)
    wanted_R = torch.tensor(numbers, dtype=torch.float64, device=logits_RV.device)
    wanted_R1 = wanted_R[:, None] * reached_RV[:, -1:]
    tokens_R1 = torch.searchsorted(reached_RV, wanted_R1, right=True)
    tokens_R1 = tokens_R1.clamp_(max=logits_RV.shape[1] - 1)
    if any(greedy):
        likeliest_R1 = logprobs_RV.argmax(-1, keepdim=True)
        chosen = torch.tensor(greedy, device=logits_RV.device)[:, None]
        tokens_R1 = torch.where(chosen, likeliest_R1, tokens_R1)
    return tokens_R1[:, 0].tolist(), logprobs_RV.gather(1, tokens_R1)[:, 0].tolist()

# pyright: basic
"""The one attention function that all models run here, and how rows attend in a training pass.

It is not an attention kernel: it takes what a layer computed, drops the batch axis, and asks the
`Attend` of this pass what the queries see. Whatever it would have to ignore, it refuses.

    layer of a model --q, k, v--> attention() --> Attend --> PackedRows  (training, this file)
                                                        `--> CachedRows  (decoding, torch_cache.py)

Registered through `transformers.AttentionInterface` under NAME; without a mask function of that
name transformers builds no mask, so causality is the Attend's duty.
Shapes: N tokens, H query heads, K key heads (H is a multiple of K), D head size.
"""

from collections.abc import Sequence
from typing import Any, Protocol

import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention
from transformers import AttentionInterface

NAME = "surefoot"


class Attend(Protocol):
    """What the queries of one forward pass see."""

    def __call__(
        self, layer: int, query_HND: Tensor, key_KND: Tensor, value_KND: Tensor, scaling: float
    ) -> Tensor:
        """Returns the attended values [N, H, D]."""
        ...


class PackedRows:
    """Rows packed end to end; each attends causally to itself only. Differentiable.

    One kernel call a row: on rows of 100 to 700 tokens that measured a fifth to a half faster on a
    CPU than padding to the longest of 4 or 16 rows of similar length, forward and backward.
    """

    def __init__(self, lengths: Sequence[int]) -> None:
        self.lengths = list(lengths)

    def __call__(
        self, layer: int, query_HND: Tensor, key_KND: Tensor, value_KND: Tensor, scaling: float
    ) -> Tensor:
        """Returns the attended values [N, H, D]; `layer` plays no part."""
        rows = zip(
            query_HND.split(self.lengths, 1),
            key_KND.split(self.lengths, 1),
            value_KND.split(self.lengths, 1),
            strict=True,
        )
        seen = [
            scaled_dot_product_attention(
                query[None], key[None], value[None], is_causal=True, scale=scaling, enable_gqa=True
            )[0]
            for query, key, value in rows
        ]
        return torch.cat(seen, 1).transpose(0, 1)


def attention(  # noqa: PLR0913 (transformers calls it so)
    module: Any,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    scaling: float | None = None,
    dropout: float = 0.0,
    **options: Any,
) -> tuple[Tensor, None]:
    """The function that transformers calls in each layer: [1, heads, N, D] in, [1, N, H, D] out.

    `options["attend"]` is this pass's Attend. A sliding window needs no care here: no row is longer
    than the smallest window (see `Model.context`), and inside its window a token sees everything.

    Raises:
        NotImplementedError: the layer asks for something that changes what attention computes.
    """
    for option in ("softcap", "s_aux", "position_bias"):
        if options.get(option) is not None:
            raise NotImplementedError(f"attention with `{option}`")
    if attention_mask is not None or dropout or options.get("is_causal") is False:
        raise NotImplementedError("attention with a mask of its own, dropout, or both directions")
    attend: Attend = options["attend"]
    scale = query.shape[-1] ** -0.5 if scaling is None else scaling
    seen_NHD = attend(module.layer_idx, query[0], key[0], value[0], scale)
    return seen_NHD[None], None


AttentionInterface.register(NAME, attention)

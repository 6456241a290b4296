# pyright: basic
"""How packed rows attend in a bfloat16 training pass on a CPU: two matrix products and a softmax.

torch's fused CPU kernel runs its backward pass in bfloat16 far slower than plain products: rows of
275 tokens, forward and backward, 3.2 ms fused, 1.9 ms fused in float32, 1.4 ms so; a whole step of
a policy of a million parameters is 1.5 times faster. Log-probabilities differ from float32 as much
as with the fused kernel (0.008 on average: it is the other layers' bfloat16). Rows above LONGEST,
whose square of scores would fill the cache, go through the fused kernel in float32.
Shapes: N tokens, H query heads, K key heads, D head size, T tokens of one row.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from surefoot.engines.torch_attention import Attend, PackedRows

LONGEST = 1024


class ProductRows:
    """Rows packed end to end; each attends causally to itself only. Differentiable."""

    def __init__(self, lengths: Sequence[int]) -> None:
        self.lengths = list(lengths)
        longest = max((length for length in lengths if length <= LONGEST), default=0)
        self.hidden_TT = torch.full((longest, longest), float("-inf"), dtype=torch.bfloat16).triu(1)

    def __call__(
        self, layer: int, query_HND: Tensor, key_KND: Tensor, value_KND: Tensor, scaling: float
    ) -> Tensor:
        """Returns the attended values [N, H, D]."""
        repeats = query_HND.shape[0] // key_KND.shape[0]
        rows = zip(
            query_HND.bfloat16().split(self.lengths, 1),
            key_KND.bfloat16().repeat_interleave(repeats, 0).split(self.lengths, 1),
            value_KND.bfloat16().repeat_interleave(repeats, 0).split(self.lengths, 1),
            strict=True,
        )
        seen = [
            self._short(*row, scaling)
            if row[0].shape[1] <= LONGEST
            else _long(layer, *row, scaling)
            for row in rows
        ]
        return torch.cat(seen, 1).transpose(0, 1)

    def _short(self, query_HTD: Tensor, key_HTD: Tensor, value_HTD: Tensor, scale: float) -> Tensor:
        heads, length, _ = query_HTD.shape
        hidden_HTT = self.hidden_TT[:length, :length].expand(heads, length, length)
        scores_HTT = torch.baddbmm(hidden_HTT, query_HTD, key_HTD.transpose(1, 2), alpha=scale)
        return torch.bmm(scores_HTT.softmax(-1), value_HTD)


def _long(
    layer: int, query_HTD: Tensor, key_HTD: Tensor, value_HTD: Tensor, scale: float
) -> Tensor:
    fused = PackedRows([query_HTD.shape[1]])
    with torch.autocast("cpu", enabled=False):
        seen_THD = fused(layer, query_HTD.float(), key_HTD.float(), value_HTD.float(), scale)
    return seen_THD.transpose(0, 1).bfloat16()


def attend_rows(lengths: Sequence[int], device: torch.device, dtype: str) -> Attend:
    """The fastest exact way for rows of `lengths` to attend here."""
    if dtype == "bfloat16" and device.type == "cpu":
        return ProductRows(lengths)
    return PackedRows(lengths)

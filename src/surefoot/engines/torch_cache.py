# pyright: basic
"""The KV cache: one slot for each row in the batch, and blocks of finished prefixes to start from.

    blocks --copy at join--> slot --grows token by token--> blocks   (all of one weights version)

A row attends over its own slot, which is contiguous, so decoding reads keys where they lie. Nothing
refers to a block while it is used: it was copied. So blocks need no reference counts, and the least
recently used one can always go. A block is found by the block before it and its own tokens, exactly
(no hash of tokens that could collide). `forget` drops every block: none outlives its weights.
Measured for 64 rows of 120 to 400 tokens: slots 0.5 ms a layer, a pool of pages gathered for each
step 2.1 ms, one kernel call a row 1.1 ms.

Shapes: L layers, S slots, K key heads, C tokens a slot, D head size, N new tokens.
"""

from collections import OrderedDict
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention

from surefoot.engines.model import Geometry

BLOCK = 8
"""Tokens a block: what a next turn computes again is half of it on average."""
GROUP = 16
"""Neighbouring slots that decode in one kernel call, padded to the longest among them."""
ROUND = 128
"""Slots grow by multiples of this many tokens."""


class Prefix(NamedTuple):
    """What is known of a row's beginning: the blocks that hold it, and the key that comes next
    (None where less than a whole block is left)."""

    blocks: list[int]
    last: int
    missing: tuple[int, tuple[int, ...]] | None


class Prefixes:
    """Blocks of keys and values, found by the tokens that lead to them; least recently used out."""

    def __init__(self, geometry: Geometry, count: int, like: Tensor) -> None:
        layers, kv_heads, head_dim = geometry
        self.pool = like.new_empty(layers, 2, kv_heads, count, BLOCK, head_dim)
        self.free = list(range(count))[::-1]
        self.table: OrderedDict[tuple[int, tuple[int, ...]], tuple[int, int]] = OrderedDict()
        self.serial = 0

    def find(self, tokens: Sequence[int]) -> Prefix:
        """The longest known prefix in whole blocks, leaving at least the last token to compute."""
        parent, blocks, found = 0, [], []
        missing = None
        for at in range(0, len(tokens) - BLOCK, BLOCK):
            key = (parent, tuple(tokens[at : at + BLOCK]))
            if key not in self.table:
                missing = key
                break
            parent, block = self.table[key]
            blocks.append(block)
            found.append(key)
        for key in reversed(found):  # the root last: a block never outlives what leads to it
            self.table.move_to_end(key)
        return Prefix(blocks, parent, missing)

    def copy_to(self, slot_L2KCD: Tensor, blocks: list[int]) -> None:
        """Writes blocks to the beginning of a slot."""
        chosen = torch.tensor(blocks, device=self.pool.device)
        copied = self.pool.index_select(3, chosen).flatten(3, 4)
        slot_L2KCD[:, :, :, : copied.shape[3]] = copied

    def keep(self, tokens: Sequence[int], slot_L2KCD: Tensor) -> None:
        """Keeps the whole blocks of a slot that holds `tokens`, where they are not known yet."""
        whole = len(tokens) // BLOCK
        known = self.find(tokens)
        parent, new, first = known.last, [], len(known.blocks)
        for at in range(first * BLOCK, whole * BLOCK, BLOCK):
            block = self._take()
            if block is None:
                break
            self.serial += 1
            self.table[(parent, tuple(tokens[at : at + BLOCK]))] = (self.serial, block)
            parent = self.serial
            new.append(block)
        if new:
            span = slot_L2KCD[:, :, :, first * BLOCK : (first + len(new)) * BLOCK]
            self.pool[:, :, :, new] = span.unflatten(3, (len(new), BLOCK))

    def forget(self) -> None:
        """Drops every block."""
        self.free.extend(block for _, block in self.table.values())
        self.table.clear()

    def release(self) -> None:
        """Gives the memory back; the blocks are of no use after it."""
        self.forget()
        self.pool = self.pool.new_empty(0)

    def _take(self) -> int | None:
        if self.free:
            return self.free.pop()
        return self.table.popitem(last=False)[1][1] if self.table else None


class Slots:
    """Keys and values of the rows in the batch: [L, 2, S, K, C, D], as large as they need."""

    def __init__(self, geometry: Geometry, count: int, tokens: int, like: Tensor) -> None:
        self.geometry, self.most, self.tokens, self.like = geometry, count, tokens, like
        self.capacity = 0
        self.resize(min(ROUND, tokens), [])

    def resize(self, capacity: int, used: Sequence[int]) -> None:
        """Makes room for `capacity` tokens a slot; the used slots become the first ones, in order.

        There are twice as many slots as used ones, so that memory follows need. Never call it where
        `fits` says no. A slot begins as zeros: what the mask hides is still
        multiplied by 0, and 0 times whatever lies in fresh memory may be NaN.
        """
        layers, kv_heads, head_dim = self.geometry
        count = min(self.most, self.tokens // capacity, max(GROUP, 2 * len(used)))
        grown = self.like.new_zeros(layers, 2, count, kv_heads, capacity, head_dim)
        if used:
            old = self.kv[:, :, list(used)]
            grown[:, :, : len(used), :, : self.capacity] = old
        self.kv, self.capacity = grown, capacity
        self.free = list(range(len(used), count))

    def fits(self, capacity: int, used: int) -> bool:
        """Is there a slot of `capacity` tokens beside `used` others, within the memory?"""
        return used < min(self.most, self.tokens // max(capacity, self.capacity))

    def wipe(self) -> None:
        """Empties every slot: not even a NaN that old weights left goes on. Without used slots,
        memory that a long row took is given back."""
        if len(self.free) == self.kv.shape[2]:
            self.resize(min(ROUND, self.tokens), [])
        else:
            self.kv = torch.zeros_like(self.kv)

    def release(self) -> None:
        """Gives the memory back; the slots are of no use after it."""
        self.kv = self.like

    def slot(self, index: int) -> Tensor:
        """A view of one slot: [L, 2, K, C, D]."""
        return self.kv[:, :, index]


class Span(NamedTuple):
    """The new tokens of one row: its slot, the position of the first, how many."""

    slot: int
    start: int
    count: int


class CachedRows:
    """How the new tokens of rows see their own slots (an Attend). Not differentiable.

    Spans of one token come first, sorted by slot: neighbours are decoded together, in place. Longer
    spans follow, one kernel call each, without padding.
    """

    def __init__(self, slots: Slots, spans: Sequence[Span]) -> None:
        self.kv = slots.kv
        device = self.kv.device
        singles = [span for span in spans if span.count == 1]
        self.longer = list(spans[len(singles) :])
        self.singles = len(singles)
        self.slot_N = torch.tensor([s.slot for s in spans for _ in range(s.count)], device=device)
        self.position_N = torch.tensor(
            [s.start + i for s in spans for i in range(s.count)], device=device
        )
        self._group(singles)
        self.masks = [self._lower_right(span) if span.start else None for span in self.longer]

    def _group(self, singles: Sequence[Span]) -> None:
        """Lays groups of neighbouring slots out: views, masks, and each span's place in them."""
        self.groups: list[tuple[int, int, Tensor]] = []
        place: list[int] = []
        size = 0
        for number in sorted({span.slot // GROUP for span in singles}):
            members = [span for span in singles if span.slot // GROUP == number]
            first, last = members[0].slot, members[-1].slot
            lengths = [1] * (last - first + 1)  # a slot that does not decode now sees one token
            for span in members:
                lengths[span.slot - first] = span.start + 1
                place.append(size + span.slot - first)
            size += len(lengths)
            length_S = torch.tensor(lengths, device=self.kv.device)
            hidden = torch.arange(max(lengths), device=self.kv.device) >= length_S[:, None]
            mask = torch.zeros_like(hidden, dtype=self.kv.dtype).masked_fill_(hidden, -torch.inf)
            self.groups.append((first, last + 1, mask[:, None, None]))
        self.size = size
        self.place = torch.tensor(place, device=self.kv.device)

    def _lower_right(self, span: Span) -> Tensor:
        """Which of the slot's tokens each new token sees: [count, start + count]."""
        seen = torch.arange(span.start + span.count, device=self.kv.device)
        new = torch.arange(span.start, span.start + span.count, device=self.kv.device)
        return seen <= new[:, None]

    def __call__(
        self, layer: int, query_HND: Tensor, key_KND: Tensor, value_KND: Tensor, scaling: float
    ) -> Tensor:
        """Writes the new keys and values, then attends: [N, H, D]."""
        keys_SKCD, values_SKCD = self.kv[layer].unbind(0)
        keys_SKCD[self.slot_N, :, self.position_N] = key_KND.transpose(0, 1)
        values_SKCD[self.slot_N, :, self.position_N] = value_KND.transpose(0, 1)
        query_NHD = query_HND.transpose(0, 1)
        seen = []
        if self.singles:
            kept = (keys_SKCD, values_SKCD)
            seen.append(self._decode(query_NHD[: self.singles], kept, scaling))
        at = self.singles
        for span, mask in zip(self.longer, self.masks, strict=True):
            end = span.start + span.count
            found = scaled_dot_product_attention(
                query_HND[None, :, at : at + span.count],
                keys_SKCD[None, span.slot, :, :end],
                values_SKCD[None, span.slot, :, :end],
                attn_mask=mask,
                is_causal=mask is None,
                scale=scaling,
                enable_gqa=True,
            )
            seen.append(found[0].transpose(0, 1))
            at += span.count
        return torch.cat(seen) if len(seen) > 1 else seen[0]

    def _decode(self, query_BHD: Tensor, kept: tuple[Tensor, Tensor], scaling: float) -> Tensor:
        """One token a row: query heads that share a key head stand as its queries."""
        keys_SKCD, values_SKCD = kept
        kv_heads = keys_SKCD.shape[1]
        heads, size = query_BHD.shape[1:]
        spread = query_BHD.new_zeros(self.size, heads, size)
        spread[self.place] = query_BHD
        spread = spread.view(self.size, kv_heads, heads // kv_heads, size)
        seen, at = [], 0
        for first, end, mask in self.groups:
            longest = mask.shape[-1]
            found = scaled_dot_product_attention(
                spread[at : at + end - first],
                keys_SKCD[first:end, :, :longest],
                values_SKCD[first:end, :, :longest],
                attn_mask=mask,
                scale=scaling,
            )
            seen.append(found)
            at += end - first
        return torch.cat(seen).view(self.size, heads, size)[self.place]

# pyright: basic
"""The rows that decode together: who joins, what one step computes, who leaves.

It knows no event loop and no weights' version but the number that it stamps on tokens. A row is
its list of tokens and how many of them its slot holds; whatever is missing is computed by the next
step, be it a prompt, the token drawn last, or all of it again after the weights changed.

    waiting --admit (a slot is free, blocks copied)--> rows --step--> finished (blocks kept)

Rows wait in the order in which they came. A row whose next unknown block is just being computed for
another one is held back for that step and then finds it.
"""

import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from surefoot.engines.model import Model
from surefoot.engines.torch_cache import BLOCK, ROUND, CachedRows, Prefixes, Slots, Span
from surefoot.engines.torch_sample import draw, uniforms
from surefoot.records import Finish, Sampled, Sampling

STEP_TOKENS = 2048
"""New tokens that one step computes at most; longer prompts take several steps."""


@dataclass(slots=True, eq=False)
class Row:
    """One message being sampled. `cached` of its tokens lie in `slot`."""

    tokens: list[int]
    sampling: Sampling
    limit: int
    """Tokens to draw at most."""
    given: int = field(init=False)
    numbers: list[float] = field(init=False)
    cached: int = 0
    slot: int = -1
    gone: bool = False
    """Nobody waits for it any more."""
    logprobs: list[float] = field(default_factory=list)
    versions: list[int] = field(default_factory=list)
    finish: Finish | None = None

    def __post_init__(self) -> None:
        self.given = len(self.tokens)
        self.numbers = uniforms(self.sampling.noise, self.limit)

    def add(self, token: int, logprob: float, version: int) -> None:
        """Takes the next drawn token, and ends where it says so."""
        self.tokens.append(token)
        self.logprobs.append(logprob)
        self.versions.append(version)
        if token in self.sampling.stop:
            self.finish = "stop"
        elif len(self.logprobs) >= self.limit:
            self.finish = "length"

    def sampled(self) -> Sampled:
        """What was drawn."""
        return Sampled(
            tokens=tuple(self.tokens[self.given :]),
            logprobs=tuple(self.logprobs),
            versions=tuple(self.versions),
            finish=self.finish or "length",
        )


class Batch:
    """Rows over one model and its cache. Not thread-safe: one step, or one change, at a time.

    Args:
        most: rows that decode together at most.
        memory: bytes of KV cache: half for slots, half for prefixes.
    """

    def __init__(self, model: Model, most: int, memory: int) -> None:
        self.model = model
        layers, kv_heads, head_dim = model.geometry
        tokens = memory // 2 // (layers * 2 * kv_heads * head_dim * model.dtype.itemsize)
        like = torch.empty(0, dtype=model.dtype, device=model.device)
        self.context = min(model.context, tokens // ROUND * ROUND)
        self.slots = Slots(model.geometry, most, tokens, like)
        self.prefixes = Prefixes(model.geometry, tokens // BLOCK, like)
        self.waiting: deque[Row] = deque()
        self.rows: list[Row] = []

    @torch.inference_mode()
    def step(self, version: int) -> list[Row]:
        """Computes one step for all rows; returns those that finished.

        Raises:
            FloatingPointError: the weights give no finite log-probability.
        """
        for row in [row for row in self.rows if row.gone]:
            self._leave(row)
        self._admit()
        if not self.rows:
            return []
        logits_RV, drawing = self._forward(self._spans())
        if drawing:
            tokens, logprobs = draw(
                logits_RV,
                [row.sampling.temperature for row in drawing],
                [row.numbers[len(row.logprobs)] for row in drawing],
            )
            if not all(map(math.isfinite, logprobs)):
                raise FloatingPointError(f"version {version} gives logits that are not finite")
            for row, token, logprob in zip(drawing, tokens, logprobs, strict=True):
                row.add(token, logprob, version)
        finished = [row for row in drawing if row.finish]
        for row in finished:
            self._leave(row)
        return finished

    @torch.inference_mode()
    def forget(self) -> None:
        """The weights changed: no key or value computed under the old ones is used again."""
        self.prefixes.forget()
        self.slots.wipe()
        for row in self.rows:
            row.cached = 0

    @property
    def busy(self) -> bool:
        """Is there a row, in the batch or waiting?"""
        return bool(self.rows or self.waiting)

    @torch.inference_mode()
    def clear(self) -> None:
        """Drops every row and every prefix."""
        self.slots.free.extend(row.slot for row in self.rows)
        self.rows.clear()
        self.waiting.clear()
        self.prefixes.forget()
        self.slots.wipe()

    def release(self) -> None:
        """Gives the memory back; no step may follow. Only without rows."""
        self.slots.release()
        self.prefixes.release()

    def _admit(self) -> None:
        computing = set()
        held: list[Row] = []
        while self.waiting:
            row = self.waiting.popleft()
            if row.gone:
                continue
            known = self.prefixes.find(row.tokens)
            if known.missing is not None and known.missing in computing:
                held.append(row)
                continue
            if not self._seat(row):
                held.append(row)
                break
            computing.add(known.missing)
            if known.blocks:
                self.prefixes.copy_to(self.slots.slot(row.slot), known.blocks)
                row.cached = len(known.blocks) * BLOCK
        self.waiting.extendleft(reversed(held))

    def _seat(self, row: Row) -> bool:
        """Gives a row a slot that holds all it may come to, if the memory allows."""
        need = -(-(row.given + row.limit) // ROUND) * ROUND
        if not self.slots.fits(need, len(self.rows)):
            return False
        if need > self.slots.capacity or not self.slots.free:
            self.rows.sort(key=lambda other: other.slot)
            need = max(need, self.slots.capacity)
            self.slots.resize(need, [other.slot for other in self.rows])
            for slot, other in enumerate(self.rows):
                other.slot = slot
        row.slot = min(self.slots.free)
        self.slots.free.remove(row.slot)
        self.rows.append(row)
        return True

    def _leave(self, row: Row) -> None:
        self.prefixes.keep(row.tokens[: row.cached], self.slots.slot(row.slot))
        self.rows.remove(row)
        self.slots.free.append(row.slot)

    def _spans(self) -> list[tuple[Row, Span]]:
        """What this step computes: single tokens first, by slot, then prompts while they fit."""
        missing = [(row, len(row.tokens) - row.cached) for row in self.rows]
        single = sorted((row for row, count in missing if count == 1), key=lambda row: row.slot)
        spans = [(row, Span(row.slot, row.cached, 1)) for row in single]
        room = STEP_TOKENS - len(spans)
        for row, count in missing:
            taken = min(count, room)
            if count > 1 and taken > 1:
                spans.append((row, Span(row.slot, row.cached, taken)))
                room -= taken
        return spans

    def _forward(self, spans: Sequence[tuple[Row, Span]]) -> tuple[Tensor, list[Row]]:
        """Logits for the rows that have all their tokens computed, and those rows."""
        rows = CachedRows(self.slots, [span for _, span in spans])
        tokens = [
            token
            for row, span in spans
            for token in row.tokens[span.start : span.start + span.count]
        ]
        tokens_N = torch.tensor(tokens, device=self.model.device)
        hidden_NE = self.model.run(tokens_N, rows.position_N, rows)
        last, drawing, at = [], [], 0
        for row, span in spans:
            at += span.count
            first = row.cached < row.given
            row.cached += span.count
            if row.cached == len(row.tokens):
                last.append(at - 1)
                drawing.append(row)
            if first and span.count > 1:
                self.prefixes.keep(row.tokens[: row.cached], self.slots.slot(row.slot))
        return self.model.head(hidden_NE[last]), drawing

# pyright: basic
"""The in-process engine: many episodes sample from one model, and join and leave between steps.

Everything heavy runs in one worker thread, one step at a time, so the event loop keeps serving
tools while a step computes. It is not a server and knows no text.

    generate() --row--> waiting --> [ step | step | load | step ... ]  (worker thread)
             <--Sampled-- future <-- finished rows

`_serve` runs while there are rows; it waits for the worker, which steps until a message is finished
(new ones join meanwhile) or `_wanted` says that somebody needs the time between two steps. There
`load` changes the weights: rows in flight have their cache computed again, and every token carries
the version that it was drawn under.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path

import torch

from surefoot.engines.config import EngineConfig
from surefoot.engines.model import Model, load_model
from surefoot.engines.torch_batch import Batch, Row
from surefoot.records import PolicyVersion, Sampled, Sampling
from surefoot.records.errors import EngineFault


class TorchEngine:
    """Samples from a model in this process (Protocol `Engine`).

    Log-probabilities are float32 log_softmax(logits / temperature) of the very distribution that
    was drawn from. What is drawn depends on the tokens, the weights and `sampling.noise`, not on
    what else is in the batch.

    Args:
        model: the weights; the engine changes them on `load`, so they are its own.
        version: the policy version that they are.
    """

    def __init__(self, model: Model, config: EngineConfig, *, version: int = 0) -> None:
        self.model = model
        self.version = version
        self._batch = Batch(model, config.max_batch, config.kv_cache_mb * 2**20)
        self._futures: dict[Row, asyncio.Future[Sampled]] = {}
        self._worker = ThreadPoolExecutor(
            1, "surefoot-engine", torch.set_num_threads, (config.threads,)
        )
        self._turn = asyncio.Lock()
        self._wanted = 0
        self._serving: asyncio.Task[None] | None = None
        self._closed = False

    @classmethod
    def open(cls, version: PolicyVersion, config: EngineConfig) -> "TorchEngine":
        """Loads a version's directory.

        Raises:
            PolicyError: the directory cannot be loaded.
        """
        model = load_model(Path(version.directory), device=config.device, dtype=config.dtype)
        return cls(model, config, version=version.number)

    async def generate(self, tokens: Sequence[int], sampling: Sampling) -> Sampled:
        """Samples one message after `tokens`.

        A prompt that leaves no room in the model's context gives no tokens and finish `length`.

        Raises:
            EngineFault: a step failed, the engine was closed, or a token is not in the vocabulary.
        """
        if self._closed:
            raise EngineFault("The engine is closed; open a new one.")
        if not tokens or min(tokens) < 0 or max(tokens) >= self.model.vocabulary:
            raise EngineFault(
                f"A prompt needs at least one token, and each within the vocabulary of "
                f"{self.model.vocabulary}; use the tokenizer of this policy."
            )
        limit = min(sampling.max_tokens, self._batch.context - len(tokens))
        if limit <= 0:
            return Sampled(tokens=(), logprobs=(), versions=(), finish="length")
        row = Row(list(tokens), sampling, limit)
        future = asyncio.get_running_loop().create_future()
        self._futures[row] = future
        self._batch.waiting.append(row)
        if self._serving is None or self._serving.done():
            self._serving = asyncio.create_task(self._serve())
        try:
            return await future
        finally:
            row.gone = True
            self._futures.pop(row, None)

    async def load(self, version: PolicyVersion) -> None:
        """Takes over the weights in a version's directory, between two steps.

        Raises:
            PolicyError: the directory cannot be loaded; the weights are then as they were.
        """
        await self._swap(lambda: self.model.load_weights(Path(version.directory)), version.number)

    async def adopt(self, model: Model, number: int) -> None:
        """Takes over the weights of another model in this process: `load` without the disk."""
        await self._swap(lambda: self.model.copy_from(model), number)

    async def close(self) -> None:
        """Ends the worker and gives the memory back; messages in flight fail."""
        self._closed = True
        async with self._between_steps():
            self._fail(EngineFault("The engine was closed while it generated."))
            self._batch.release()
        if self._serving is not None:
            await self._serving
        self._worker.shutdown()

    async def _swap(self, change: Callable[[], None], number: int) -> None:
        loop = asyncio.get_running_loop()
        async with self._between_steps():
            await loop.run_in_executor(self._worker, change)
            self._batch.forget()
            self.version = number

    @asynccontextmanager
    async def _between_steps(self) -> AsyncGenerator[None]:
        """The worker stands still inside. It waits for one step at most."""
        self._wanted += 1
        try:
            async with self._turn:
                yield
        finally:
            self._wanted -= 1

    async def _serve(self) -> None:
        """Steps until no row is left. Any error of a step fails every message in flight."""
        loop = asyncio.get_running_loop()
        while self._batch.busy:
            async with self._turn:
                try:
                    finished = await loop.run_in_executor(self._worker, self._steps)
                except Exception as error:  # noqa: BLE001 (its rows are lost, whatever it is)
                    fault = EngineFault(f"A step of the engine failed ({error}); try again.")
                    fault.__cause__ = error
                    self._fail(fault)
                    continue
            for row in finished:
                future = self._futures.get(row)
                if future is not None and not future.done():
                    future.set_result(row.sampled())
            await asyncio.sleep(0)  # those who got an answer may ask on before the next step

    def _steps(self) -> list[Row]:
        """In the worker: steps until a row is finished, or the time between steps is wanted."""
        finished: list[Row] = []
        while self._batch.busy and not finished:
            finished = self._batch.step(self.version)
            if self._wanted:
                break
        return finished

    def _fail(self, fault: EngineFault) -> None:
        """Between steps: every message in flight ends with `fault`."""
        self._batch.clear()
        for future in self._futures.values():
            if not future.done():
                future.set_exception(fault)

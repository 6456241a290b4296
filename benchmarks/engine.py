# pyright: basic
"""Tokens generated per second: our engine beside transformers' `generate` and continuous batching.

    python benchmarks/engine.py [--policy DIR] [--concurrent 1,16,64] [--group 8] [--json]

Same weights, same episodes, one process, one run. An episode has a prompt of 100 to 250 random
tokens and 3 to 8 turns; each turn generates 8 to 22 tokens and appends 15 given ones. Stop tokens
are off, so every engine generates the same number. `--group` episodes share a prompt, as those of
a training group do (1: none does). The rate counts generated tokens over the whole time, prompts
included. `generate` runs all episodes' turns in lockstep, padded to the longest, as it must.
"""

import argparse
import asyncio
import json
import random
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.table import Table
from transformers import (
    AutoModelForCausalLM,
    ContinuousBatchingConfig,
    GenerationConfig,
    Qwen3Config,
)

from surefoot.engines.config import EngineConfig
from surefoot.engines.model import load_model
from surefoot.engines.torch import TorchEngine
from surefoot.records import Sampling

GIVEN = 15
SETTINGS = {"do_sample": True, "top_k": 0, "top_p": 1.0, "temperature": 1.0, "pad_token_id": 0}


@dataclass(frozen=True)
class Episode:
    """A prompt, and for each turn how many tokens to generate and what is appended then."""

    prompt: list[int]
    turns: list[tuple[int, list[int]]]


Play = Callable[[Sequence[Episode]], None]


def episodes(count: int, group: int, vocabulary: int) -> list[Episode]:
    """The same random episodes for every engine."""
    draw = random.Random(0)

    def tokens(length: int) -> list[int]:
        return [draw.randrange(vocabulary) for _ in range(length)]

    made: list[Episode] = []
    for number in range(count):
        prompt = made[-1].prompt if number % group else tokens(draw.randint(100, 250))
        turns = [(draw.randint(8, 22), tokens(GIVEN)) for _ in range(draw.randint(3, 8))]
        made.append(Episode(prompt, turns))
    return made


def random_policy(directory: Path) -> Path:
    """A policy of the embedded one's size, with random weights."""
    torch.manual_seed(0)
    config = Qwen3Config(
        vocab_size=2120,
        hidden_size=128,
        num_hidden_layers=4,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=32,
        intermediate_size=384,
        tie_word_embeddings=True,
        max_position_embeddings=2048,
    )
    AutoModelForCausalLM.from_config(config).save_pretrained(directory)
    return directory


def ours(directory: Path) -> Play:
    """Our engine."""
    model = load_model(directory, device="cpu")

    async def play(played: Sequence[Episode]) -> None:
        engine = TorchEngine(model, EngineConfig(device="cpu"))

        async def one(number: int, episode: Episode) -> None:
            tokens = list(episode.prompt)
            for turn, (count, given) in enumerate(episode.turns):
                sampling = Sampling(max_tokens=count, noise=1000 * number + turn)
                sampled = await engine.generate(tokens, sampling)
                tokens += [*sampled.tokens, *given]

        await asyncio.gather(*(one(*numbered) for numbered in enumerate(played)))
        await engine.close()

    return lambda played: asyncio.run(play(played))


def theirs(directory: Path) -> Any:
    """The same weights in transformers, without stop tokens."""
    model = AutoModelForCausalLM.from_pretrained(directory).eval()
    model.generation_config = GenerationConfig(**SETTINGS)
    return model


def plain(directory: Path) -> Play:
    """transformers' `generate`, one padded batch a turn."""
    model = theirs(directory)

    def play(played: Sequence[Episode]) -> None:
        tokens = [list(episode.prompt) for episode in played]
        for turn in range(max(len(episode.turns) for episode in played)):
            live = [n for n, episode in enumerate(played) if turn < len(episode.turns)]
            longest = max(len(tokens[n]) for n in live)
            padded = [[0] * (longest - len(tokens[n])) + tokens[n] for n in live]
            seen = [[0] * (longest - len(tokens[n])) + [1] * len(tokens[n]) for n in live]
            most = max(played[n].turns[turn][0] for n in live)
            said = model.generate(
                torch.tensor(padded), attention_mask=torch.tensor(seen), max_new_tokens=most
            )
            for row, n in zip(said.tolist(), live, strict=True):
                count, given = played[n].turns[turn]
                tokens[n] += [*row[longest : longest + count], *given]

    return play


def continuous(directory: Path) -> Play:
    """transformers' continuous batching; a finished turn's successor joins at once."""
    model = theirs(directory)

    def play(played: Sequence[Episode]) -> None:
        manager = model.init_continuous_batching(
            generation_config=GenerationConfig(**SETTINGS, eos_token_id=-1, max_new_tokens=22),
            continuous_batching_config=ContinuousBatchingConfig(
                page_size=32, num_blocks=2048, max_batch_tokens=1024
            ),
        )
        manager.start()
        tokens = [list(episode.prompt) for episode in played]
        turns = [0] * len(played)

        def ask(n: int) -> None:
            most = played[n].turns[turns[n]][0]
            manager.add_request(tokens[n], request_id=f"{n}-{turns[n]}", max_new_tokens=most)

        for n in range(len(played)):
            ask(n)
        left = len(played)
        while left:
            reply = manager.get_result(timeout=60)
            n = int(reply.request_id.split("-")[0])
            tokens[n] += [*reply.generated_tokens, *played[n].turns[turns[n]][1]]
            turns[n] += 1
            if turns[n] < len(played[n].turns):
                ask(n)
            else:
                left -= 1
        manager.stop(block=True)

    return play


ENGINES = {"surefoot": ours, "generate": plain, "continuous batching": continuous}


def rates(plays: Mapping[str, Play], played: Sequence[Episode]) -> dict[str, float]:
    """Generated tokens per second, the best of three rounds; rounds take turns between engines, so
    that whatever else this machine does falls on all."""
    generated = sum(count for episode in played for count, _ in episode.turns)
    best: dict[str, float] = {}
    for _ in range(3):
        for name, play in plays.items():
            began = time.perf_counter()
            play(played)
            rate = generated / (time.perf_counter() - began)
            best[name] = max(round(rate, 1), best.get(name, 0.0))
    return best


def main() -> None:
    """Runs all engines on the same episodes and prints the rates."""
    parser = argparse.ArgumentParser(description="Engine throughput.")
    parser.add_argument("--policy", type=Path, help="a Hugging Face directory (default: random)")
    parser.add_argument("--concurrent", default="1,16,64", help="episodes at once")
    parser.add_argument("--group", type=int, default=8, help="episodes that share a prompt")
    parser.add_argument("--json", action="store_true", help="one JSON document on standard output")
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        directory = chosen.policy or random_policy(Path(folder))
        vocabulary = load_model(directory, device="cpu").vocabulary
        plays = {name: make(directory) for name, make in ENGINES.items()}
        found: dict[str, dict[str, float]] = {}
        for count in map(int, chosen.concurrent.split(",")):
            found[str(count)] = rates(plays, episodes(count, chosen.group, vocabulary))
            print(f"{count} at once: {found[str(count)]}", file=sys.stderr)
    if chosen.json:
        print(json.dumps({"tokens_per_second": found, "group": chosen.group, "threads": 1}))
        return
    table = Table("engine", *(f"{count} at once" for count in found), title="tokens/s, 1 thread")
    for name in plays:
        table.add_row(name, *(f"{row[name]:,.0f}" for row in found.values()))
    Console().print(table)


if __name__ == "__main__":
    main()

"""Makes the embedded policy from nothing: `python -m warmstart OUT` in examples/first.

    demonstrations -> tokenizer -> random weights -> recall -> demonstrations under all surroundings

Every stage is the one trainer with the loss `sft`. What is held out from training (a tenth of the
words as names, a tenth of the grammar's combinations, the format `react`) is held out here too. The
recipe is this page; its figures go to OUT/warmstart.json, its log to standard error.
"""

import argparse
import json
import math
import time
from collections.abc import Iterator
from pathlib import Path
from random import Random

import torch
from transformers import Qwen3Config, Qwen3ForCausalLM
from warmstart import demonstrations, recall, tokenizer
from warmstart.demonstrations import Demonstration

from surefoot.gateway import Renderer
from surefoot.gateway.tokenizer import HuggingFaceTokenizer
from surefoot.goals.draw import KEYS
from surefoot.perturbations import description_vocabulary, familiar_names
from surefoot.perturbations.draw import draw_variation
from surefoot.training.batch import Row
from surefoot.training.config import TrainingConfig
from surefoot.training.trainer import Trainer

SEED = 7
WIDTH, LAYERS, HEADS, KV_HEADS, HEAD_DIM, INNER = 128, 4, 4, 2, 32, 384
CONTEXT = 1024
STEP_TOKENS = 4096
LONGEST = 640
"""Longer demonstrations are left out: they cost most and say least."""


def architecture(vocabulary: int, stop: int) -> Qwen3Config:
    """A Qwen3 of about a million parameters."""
    return Qwen3Config(
        vocab_size=vocabulary,
        hidden_size=WIDTH,
        intermediate_size=INNER,
        num_hidden_layers=LAYERS,
        num_attention_heads=HEADS,
        num_key_value_heads=KV_HEADS,
        head_dim=HEAD_DIM,
        max_position_embeddings=CONTEXT,
        tie_word_embeddings=True,
        eos_token_id=stop,
        bos_token_id=None,
        pad_token_id=0,
    )


@torch.no_grad()
def draw_weights(network: Qwen3ForCausalLM) -> None:
    """Weights of which the blocks do not drown the embedding at the start."""
    for name, weight in network.named_parameters():
        if weight.dim() < 2:
            continue
        if "embed" in name:
            weight.normal_(0, 0.1)
        else:
            out = 0.1 if "o_proj" in name or "down_proj" in name else 1.0
            weight.normal_(0, out / math.sqrt(weight.shape[1]))


def found(directory: Path, recorded: list[Demonstration]) -> None:
    """Writes the tokenizer and random weights."""
    random = Random(SEED)
    chosen = random.sample(recorded, min(4000, len(recorded)))
    said = (
        text
        for each in chosen
        for text in demonstrations.texts(each, draw_variation(random.getrandbits(31)))
    )
    size = tokenizer.build(said, [*familiar_names(), *description_vocabulary()], KEYS, directory)
    torch.manual_seed(SEED)
    stop = HuggingFaceTokenizer(directory).stop[0]
    network = Qwen3ForCausalLM(architecture(size, stop))
    draw_weights(network)
    network.save_pretrained(directory)


def batches(rows: Iterator[Row], pool: int = 256) -> Iterator[list[Row]]:
    """Batches of about STEP_TOKENS tokens, of rows of like length."""
    random = Random(SEED)
    while True:
        drawn = sorted((next(rows) for _ in range(pool)), key=len)
        made: list[list[Row]] = [[]]
        for row in drawn:
            if sum(map(len, made[-1])) + len(row) > STEP_TOKENS:
                made.append([])
            made[-1].append(row)
        random.shuffle(made)
        yield from made


def demonstrated(recorded: list[Demonstration], renderer: Renderer, context: float) -> Iterator[Row]:
    """Demonstrations without end, each time under new surroundings."""
    random = Random(SEED)
    while True:
        row = demonstrations.row(
            random.choice(recorded),
            draw_variation(random.getrandbits(31)),
            renderer,
            context=context,
        )
        if len(row) <= LONGEST:
            yield row


def recalled(renderer: Renderer, progress: list[float]) -> Iterator[Row]:
    """Recall rows, from two bindings up to eight as `progress` goes from 0 to 1."""
    random = Random(SEED)
    while True:
        most = 3 + int(5 * min(1.0, progress[0] / 0.6))
        yield recall.row(random, renderer.tokenizer, 2, most)


def train(directory: Path, out: Path, batches_: Iterator[list[Row]], config: TrainingConfig,
          progress: list[float], label: str) -> dict[str, float]:  # fmt: skip
    """Runs one stage to the end of its schedule and saves it to `out`."""
    trainer = Trainer(directory, config)
    started, tokens, last = time.time(), 0, {}
    for step in range(config.decay_to):
        progress[0] = step / config.decay_to
        rows = next(batches_)
        last = trainer.sft_step(rows)
        tokens += sum(map(len, rows))
        if step % 50 == 49:
            seconds = time.time() - started
            print(f"{label} {step + 1}/{config.decay_to} {seconds:.0f}s {tokens / seconds:.0f}tok/s "
                  + " ".join(f"{k}={v:.4f}" for k, v in last.items()), flush=True)  # fmt: skip
        if step % 500 == 499:
            trainer.model.save(out.with_name(out.name + "-partial"))
    trainer.model.save(out)
    return {**last, "seconds": time.time() - started, "tokens": tokens}


def main() -> None:
    """Runs the recipe."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--demonstrations", type=Path, required=True)
    parser.add_argument("--recall-steps", type=int, default=2500)
    parser.add_argument("--steps", type=int, default=6000)
    arguments = parser.parse_args()
    out: Path = arguments.out
    out.mkdir(parents=True, exist_ok=True)
    recorded = demonstrations.read(arguments.demonstrations)
    found(out / "random", recorded)
    renderer = Renderer(HuggingFaceTokenizer(out / "random"))
    progress = [0.0]
    common = TrainingConfig(
        loss="sft", optimizer="muon", learning_rate=3e-3, muon_learning_rate=0.02,
        betas=(0.9, 0.98), dtype="bfloat16", threads=1, warmup_steps=50, schedule="linear",
        final_fraction=0.05, micro_batch_tokens=4096,
    )  # fmt: skip
    figures: dict[str, dict[str, float]] = {}
    steps = arguments.recall_steps
    figures["recall"] = train(
        out / "random", out / "recall", recall_batches(renderer, progress),
        common.model_copy(update={"decay_from": steps // 2, "decay_to": steps}),
        progress, "recall",
    )  # fmt: skip
    steps = arguments.steps
    figures["demonstrations"] = train(
        out / "recall", out / "policy", batches(demonstrated(recorded, renderer, 0.1)),
        common.model_copy(
            update={"decay_from": int(0.6 * steps), "decay_to": steps, "muon_learning_rate": 0.015}
        ),
        progress, "demonstrations",
    )  # fmt: skip
    (out / "warmstart.json").write_text(json.dumps(figures, indent=1))


def recall_batches(renderer: Renderer, progress: list[float]) -> Iterator[list[Row]]:
    """Small batches: early on many updates count for more than their size."""
    rows = recalled(renderer, progress)
    while True:
        made: list[Row] = []
        while sum(map(len, made)) < 768:
            made.append(next(rows))
        yield made


if __name__ == "__main__":
    main()

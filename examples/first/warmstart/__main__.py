"""Makes the embedded policy from nothing: `python -m warmstart OUT` in examples/first.

    demonstrations -> tokenizer -> random weights -> recall -> demonstrations under all surroundings

Every stage is the one trainer with the loss `sft`. What is held out from training (a tenth of the
words as names, a tenth of the grammar's combinations, the format `react`) is held out here too. The
recipe is this page; its figures go to OUT/warmstart.json, its log to standard error.
"""

import argparse
import asyncio
import json
import math
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import NamedTuple

import torch
from transformers import Qwen3Config, Qwen3ForCausalLM

from surefoot.gateway import Renderer
from surefoot.gateway.tokenizer import HuggingFaceTokenizer
from surefoot.goals import FamilySource
from surefoot.goals.draw import KEYS
from surefoot.perturbations import description_vocabulary, familiar_names
from surefoot.perturbations.draw import draw_variation
from surefoot.sandbox import Sandboxes
from surefoot.training.batch import Row
from surefoot.training.config import TrainingConfig
from surefoot.training.trainer import Trainer
from warmstart import demonstrations, tokenizer
from warmstart.demonstrations import Demonstration
from warmstart.recall import LESSONS, PASSED, Recall

SEED = 7
WIDTH, LAYERS, HEADS, KV_HEADS, HEAD_DIM, INNER = 128, 4, 4, 2, 32, 384
CONTEXT = 1024
STEP_TOKENS = 4096
DEMONSTRATIONS, FLAWED = 12_000, 0.4
"""Goals that are played, and the share of them that is played wrongly."""
RECALL_TOKENS = 1500
CONTEXT_WEIGHT = 0.1
"""Weight of tokens that the policy does not say, in the first stage of demonstrations; then 0,
which needs the LM head on few tokens only and is twice as fast."""
LONGEST = 640
"""Longer demonstrations are left out: they cost most and say least."""


COMMON = TrainingConfig(
    loss="sft",
    optimizer="muon",
    learning_rate=3e-3,
    muon_learning_rate=0.02,
    betas=(0.9, 0.98),
    dtype="bfloat16",
    threads=1,
    warmup_steps=30,
)


class Stage(NamedTuple):
    """Supervised steps on demonstrations. The rate decays over the last two fifths if `decays`."""

    name: str
    steps: int
    context: float
    decays: bool


STAGES = (
    Stage("early", steps=2000, context=CONTEXT_WEIGHT, decays=False),
    Stage("policy", steps=5200, context=0.0, decays=True),
)


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


def demonstrated(recorded: list[Demonstration], renderer: Renderer, stage: Stage) -> Iterator[Row]:
    """Demonstrations without end, each time under new surroundings."""
    random = Random(f"{SEED} {stage.name}")
    while True:
        row = demonstrations.row(
            random.choice(recorded),
            draw_variation(random.getrandbits(31)),
            renderer,
            context=stage.context,
        )
        if len(row) <= LONGEST:
            yield row


def teach_recall(directory: Path, out: Path, steps: int) -> dict[str, float]:
    """Lessons of rising difficulty; each joins when the one before is passed."""
    lessons = Recall(HuggingFaceTokenizer(directory), SEED)
    trainer = Trainer(directory, COMMON)
    at, since, accuracy, started = 0, 0, 0.0, time.time()
    for step in range(steps):
        rows: list[Row] = []
        while sum(map(len, rows)) < RECALL_TOKENS:
            rows.append(lessons.row(LESSONS[at]))
        seen = trainer.sft_step(rows)["accuracy"]
        accuracy += 0.05 * (seen - accuracy)
        if step - since > 60 and accuracy > PASSED.get(LESSONS[at], 1.0):
            at, since, accuracy = at + 1, step, 0.0
        if step % 50 == 49:
            seconds = time.time() - started
            say(f"recall {step + 1}/{steps} {seconds:.0f}s {LESSONS[at]} accuracy {accuracy:.3f}")
    trainer.model.save(out)
    return {"seconds": time.time() - started, "lesson": at, "accuracy": accuracy}


def demonstrate(
    directory: Path, out: Path, recorded: list[Demonstration], stage: Stage
) -> dict[str, float]:
    """Runs one stage from the weights in `directory`, and saves to `out`."""
    config = COMMON.model_copy(update={"muon_learning_rate": 0.015})
    if stage.decays:
        fall = {"decay_from": int(0.6 * stage.steps), "decay_to": stage.steps}
        config = config.model_copy(update={**fall, "schedule": "linear", "final_fraction": 0.05})
    renderer = Renderer(HuggingFaceTokenizer(directory))
    made = batches(demonstrated(recorded, renderer, stage))
    trainer = Trainer(directory, config)
    started, tokens, loss, accuracy = time.time(), 0, 0.0, 0.0
    for step in range(stage.steps):
        rows = next(made)
        seen = trainer.sft_step(rows)
        tokens += sum(map(len, rows))
        loss += max(0.02, 1 / (step + 1)) * (seen["loss"] - loss)
        accuracy += max(0.02, 1 / (step + 1)) * (seen["accuracy"] - accuracy)
        if step % 50 == 49:
            seconds = time.time() - started
            say(
                f"{stage.name} {step + 1}/{stage.steps} {seconds:.0f}s "
                f"{tokens / seconds:.0f} tokens/s loss {loss:.4f} accuracy {accuracy:.4f}"
            )
        if step % 500 == 499:
            trainer.model.save(out.with_name(f"{out.name}-{step + 1}"))
    trainer.model.save(out)
    return {"seconds": time.time() - started, "tokens": tokens, "loss": loss}


def say(text: str) -> None:
    """Writes a line of the log."""
    print(text, file=sys.stderr, flush=True)


def recorded_in(path: Path) -> list[Demonstration]:
    """The demonstrations in `path`; they are played in real sandboxes where it does not exist."""
    if not path.exists():

        async def record() -> list[Demonstration]:
            async with Sandboxes() as sandboxes:
                return await demonstrations.record_all(
                    FamilySource(), sandboxes, DEMONSTRATIONS, FLAWED
                )

        say(f"recording {DEMONSTRATIONS} demonstrations")
        demonstrations.write(path, asyncio.run(record()))
    return demonstrations.read(path)


def main() -> None:
    """Runs the recipe; a stage that is finished in OUT is not run again."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--recall-steps", type=int, default=2000)
    arguments = parser.parse_args()
    out: Path = arguments.out
    out.mkdir(parents=True, exist_ok=True)
    recorded = recorded_in(out / "demonstrations.jsonl")
    figures: dict[str, dict[str, float]] = {}
    if not (out / "recall").exists():
        found(out / "random", recorded)
        figures["recall"] = teach_recall(out / "random", out / "recall", arguments.recall_steps)
    at = out / "recall"
    for stage in STAGES:
        if not (out / stage.name).exists():
            figures[stage.name] = demonstrate(at, out / stage.name, recorded, stage)
        at = out / stage.name
    (out / "warmstart.json").write_text(json.dumps(figures, indent=1))


if __name__ == "__main__":
    main()

"""What surrounds the policy in training: one variation, drawn from a seed.

    seed -> Variation(name="seen" | "plain", format, perturbations, seed)

Nine in ten draws change the tools in every familiar way; one in ten leaves names and descriptions
as they are (only the order changes), so that the canonical surroundings belong to training too and
the adaptation gap measures adaptation. Seven formats in ten come from the grammar.

Invariant: nothing that is held out is ever drawn here. Not here: the surroundings of evaluation
(`evals/suites.py`), and what a name in a variation does (`perturbations/`, `formats/`).
"""

import random

from surefoot.records import Variation

TOOL_PERTURBATIONS = ("names", "arguments", "order", "descriptions", "distractors")
"""Every perturbation of the tools axis, in the order in which they are applied."""

TRAINING_FORMATS = {"grammar": 0.70, "hermes": 0.15, "xml": 0.15}
"""Share of each format among training episodes."""

PLAIN_SHARE = 0.10
"""Share of training episodes whose tools keep their canonical names and descriptions."""


def stable_seed(*parts: object) -> int:
    """A seed in [0, 2**31) from anything that prints; the same on every machine and Python."""
    return random.Random("|".join(str(part) for part in parts)).getrandbits(31)


def draw_format(seed: int) -> str:
    """One format's name, with the shares of `TRAINING_FORMATS`."""
    names, shares = zip(*TRAINING_FORMATS.items(), strict=True)
    return random.Random(f"format|{seed}").choices(names, shares)[0]


def draw_variation(seed: int) -> Variation:
    """One variation of training. The same seed gives the same variation; none is held out."""
    plain = random.Random(f"plain|{seed}").random() < PLAIN_SHARE
    return Variation(
        name="plain" if plain else "seen",
        format=draw_format(seed),
        perturbations=("order",) if plain else TOOL_PERTURBATIONS,
        seed=stable_seed("variation", seed),
    )

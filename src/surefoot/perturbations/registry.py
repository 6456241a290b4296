"""Perturbations by name, and several of them over one opening.

One of your own joins by an entry `name -> "module:Class"`, where the class needs no argument, or is
handed to `compose` as an object.
"""

import difflib
from collections.abc import Sequence
from pkgutil import resolve_name

from surefoot.joints import Perturbation, Wrapped
from surefoot.perturbations.wrapped import Composed
from surefoot.records import Opening, Variation
from surefoot.records.errors import ConfigError

PERTURBATIONS = {
    "names": "surefoot.perturbations.tools:Names",
    "arguments": "surefoot.perturbations.tools:Arguments",
    "order": "surefoot.perturbations.tools:Order",
    "descriptions": "surefoot.perturbations.tools:Descriptions",
    "distractors": "surefoot.perturbations.tools:Distractors",
}


def make_perturbation(name: str) -> Perturbation:
    """The perturbation `name`.

    Raises:
        ConfigError: there is no such perturbation.
    """
    if name not in PERTURBATIONS:
        near = difflib.get_close_matches(name, PERTURBATIONS, n=1)
        hint = f"did you mean {near[0]}?" if near else f"choose from {', '.join(PERTURBATIONS)}"
        raise ConfigError(f"there is no perturbation {name}: {hint}")
    return resolve_name(PERTURBATIONS[name])()


def compose_of(variation: Variation, opening: Opening) -> Wrapped:
    """`opening` under the perturbations of a variation."""
    return compose(
        variation.perturbations, opening, seed=variation.seed, held_out=variation.held_out_names
    )


def compose(
    perturbations: Sequence[str | Perturbation], opening: Opening, *, seed: int, held_out: bool
) -> Wrapped:
    """`opening` under all of `perturbations`, applied from the first to the last. None of them: the
    identity. Each draws from `seed` apart from the others.

    Raises:
        ConfigError: there is no such perturbation.
    """
    layers: list[Wrapped] = []
    for each in perturbations:
        perturbation = make_perturbation(each) if isinstance(each, str) else each
        layers.append(perturbation.wrap(opening, seed=seed, held_out=held_out))
        opening = layers[-1].opening
    return Composed(opening, layers)

"""Under what goals are proved: every format, alone and with each perturbation and with all."""

from surefoot.formats import FORMATS
from surefoot.perturbations import PERTURBATIONS
from surefoot.records import Variation


def crossings(seed: int = 0) -> tuple[Variation, ...]:
    """One variation for each format and each choice of perturbations; half of them held out."""
    choices = [(), *((name,) for name in PERTURBATIONS), tuple(PERTURBATIONS)]
    pairs = [(form, names) for form in FORMATS for names in choices]
    return tuple(
        Variation(
            name="proof",
            format=form,
            perturbations=names,
            held_out_names=number % 2 == 1,
            held_out_format=number % 2 == 1,
            seed=seed + number,
        )
        for number, (form, names) in enumerate(pairs)
    )

"""Changes of what surrounds the policy, each with an exact inverse on calls.

    opening --compose--> Wrapped: the opening as the policy sees it, and calls there and back

One file an axis (today: tools). Kept: recover(transport(call)) is the call again, through any
perturbations in any order; a call that cannot be meant recovers to a failed Result. Not here: which
perturbations an episode gets (draw.py for training, evals/ for evaluation), and call syntax
(formats/).
"""

from surefoot.perturbations.registry import PERTURBATIONS, compose, compose_of, make_perturbation
from surefoot.perturbations.vocabulary import description_vocabulary, familiar_names

__all__ = [
    "PERTURBATIONS",
    "compose",
    "compose_of",
    "description_vocabulary",
    "familiar_names",
    "make_perturbation",
]

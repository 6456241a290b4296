"""What each group of a run attempts: train goals in stream order, each in its own surroundings.

    (step, group) --place in the stream--> goal
                  --stable seed----------> variation

Not a scheduler: it sends nothing out. Invariant: the same (seed, step, group) gives the same plan
whenever and however often it is asked, so a resumed run attempts what the killed one would have.
"""

from itertools import islice

from surefoot.joints import GoalSource
from surefoot.perturbations.draw import draw_variation, stable_seed
from surefoot.records import Goal
from surefoot.rollout.scheduler import Planned


class Curriculum:
    """The plan of a run with `groups` groups a step."""

    def __init__(self, source: GoalSource, *, seed: int, groups: int) -> None:
        self._seed = seed
        self._groups = groups
        self._stream = source.goals("train")
        self._drawn: list[Goal] = []

    def plan(self, step: int, group: int) -> Planned:
        """The goal and the variation of a group; steps count from 1, groups from 0."""
        at = (step - 1) * self._groups + group
        self._drawn.extend(islice(self._stream, max(0, at + 1 - len(self._drawn))))
        return Planned(
            self._drawn[at], draw_variation(stable_seed("train", self._seed, step, group))
        )

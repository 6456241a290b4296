"""Goals from families: drawn lazily from a seed, split by what they are.

    (seed, family, number) --Random--> Draft --> Goal --hash of its fingerprint--> its split

Not a list: a goal is drawn when it is asked for. Invariant: the split is a function of the goal's
content alone, so no seed can put a goal into two splits; a key names the same goal on every
machine.
"""

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from random import Random

from pydantic import BaseModel, ConfigDict, Field

from surefoot.goals.families import FAMILIES
from surefoot.goals.family import Family
from surefoot.joints import Check, Solution
from surefoot.records import SPLITS, Goal, Split
from surefoot.records.errors import GoalError

_SHARES: Mapping[Split, int] = {"train": 70, "valid": 10, "test": 20}
"""Percent of all goals in each split."""
_DRAWS = 1000
"""So many draws without a goal of a split (chance below 1e-45) and it is taken for empty."""


class GoalsConfig(BaseModel):
    """Which goals are asked."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    families: tuple[str, ...] = tuple(FAMILIES)
    """Names of the families; goals come from one after another."""
    seed: int = 0
    """Draws the goals. Another seed gives other goals; no seed mixes the splits."""
    valid: int = Field(default=120, ge=0)
    """Goals in the `valid` stream, over all families."""
    test: int = Field(default=600, ge=0)
    """Goals in the `test` stream, over all families. The `train` stream has no end."""


class FamilySource:
    """A `GoalSource` over families. Streams go round the families: a, b, c, a, b, c, ...

    Raises:
        GoalError: no families, or two of one name.
    """

    def __init__(
        self,
        families: Iterable[Family] = tuple(FAMILIES.values()),
        seed: int = 0,
        sizes: Mapping[Split, int] | None = None,
    ) -> None:
        chosen = list(families)
        self._families = {family.name: family for family in chosen}
        self._seed = seed
        self._sizes = sizes or {}
        if not chosen:
            raise GoalError("There are no goals: name at least one family.")
        if len(self._families) < len(chosen):
            raise GoalError("Two families share a name: rename one, keys of goals start with it.")

    @property
    def families(self) -> Mapping[str, Family]:
        """Name -> family."""
        return self._families

    def goals(self, split: Split) -> Iterator[Goal]:
        """The goals of a split; endless where no size was given for it.

        Raises:
            GoalError: a family has no goals of this split, or its `make` dies.
        """
        streams = [self._stream(family, split) for family in self._families.values()]
        mixed = (goal for row in zip(*streams, strict=True) for goal in row)
        return itertools.islice(mixed, self._sizes.get(split))

    def goal(self, key: str) -> Goal:
        """The goal with this key (`family/split/index`), drawn alone.

        Raises:
            GoalError: no goal has the key under this seed.
        """
        name, _, rest = key.partition("/")
        _, _, index = rest.partition("/")
        if name in self._families and index.isdecimal():
            goal = self._draw(self._families[name], int(index))
            if goal.key == key:
                return goal
        raise GoalError(
            f"There is no goal {key!r} under seed {self._seed}: `surefoot goals list` shows keys."
        )

    def check(self, goal: Goal) -> Check:
        """The check of the goal's family."""
        return self._family(goal).check

    def reference(self, goal: Goal) -> Solution:
        """The solution that earns 1.0."""
        return self._family(goal).reference

    def wrong(self, goal: Goal) -> Mapping[str, Solution]:
        """Solutions that earn less than 1, by name."""
        return self._family(goal).wrong

    def _family(self, goal: Goal) -> Family:
        if goal.family not in self._families:
            known = ", ".join(self._families)
            raise GoalError(f"The goal {goal.key} is of no family known here; known are: {known}.")
        return self._families[goal.family]

    def _stream(self, family: Family, split: Split) -> Iterator[Goal]:
        last = 0
        for index in itertools.count():
            goal = self._draw(family, index)
            if goal.split == split:
                last = index
                yield goal
            elif index - last > _DRAWS:
                raise GoalError(
                    f"The family {family.name} has no goals for the split {split}: {_DRAWS} draws "
                    "gave none; let its `make` draw more of what the goal says."
                )

    def _draw(self, family: Family, index: int) -> Goal:
        try:
            draft = family.make(Random(f"{self._seed} {family.name} {index}"))
        except Exception as error:  # a family is anybody's code
            raise GoalError(
                f"The family {family.name} cannot make its goal {index} "
                f"({type(error).__name__}: {error}): mend its `make`."
            ) from error
        goal = Goal(
            family=family.name,
            split="train",
            index=index,
            prompt=draft.prompt,
            request=draft.request,
            expected=draft.expected,
            world=draft.world,
            judged=draft.judged,
            horizon=draft.horizon,
            environment=family.environment,
        )
        return goal.model_copy(update={"split": split_of(goal.fingerprint)})


def split_of(fingerprint: str) -> Split:
    """The split of all goals with this fingerprint."""
    place = int(fingerprint, 16) % 100
    for split in SPLITS:
        if place < _SHARES[split]:
            return split
        place -= _SHARES[split]
    raise AssertionError("the shares add up to 100")


def make_source(config: GoalsConfig, families: Sequence[Family] = ()) -> FamilySource:
    """The source that a configuration describes, over the families that ship and `families`.

    Raises:
        GoalError: the configuration names a family that does not exist.
    """
    known = {**FAMILIES, **{family.name: family for family in families}}
    for name in config.families:
        if name not in known:
            raise GoalError(f"There is no goal family {name!r}; known are: {', '.join(known)}.")
    chosen = [known[name] for name in config.families]
    return FamilySource(chosen, config.seed, {"valid": config.valid, "test": config.test})

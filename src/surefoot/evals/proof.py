"""Proves goals: the reference earns 1, doing nothing 0, every wrong solution less, twice the same.

    goals x variations --reach--> end states --judge--> rewards --compare--> Proof, one a solution

Not an evaluation: no policy is asked. Invariant: what a proof finds wrong is in its `problem`; only
a fault of the infrastructure rises.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from surefoot.goals.judge import judge
from surefoot.goals.solution import PLAIN, EndState, nothing, reach
from surefoot.joints import Environment, GoalSource, Sandbox, Solution
from surefoot.records import Goal, Record, Reward, Variation
from surefoot.records.errors import CheckFault, GoalError

CONCURRENCY = 4
"""Goals under proof at once."""


class Proof(Record):
    """One solution of one goal under one variation. `reward` is None where none was reached;
    `problem` is empty where all is as it must be."""

    family: str
    goal: str
    variation: str
    solution: str
    reward: float | None
    problem: str = ""


@dataclass(frozen=True, kw_only=True)
class Yard:
    """Where solutions are tried: makers of environments by name, and of unstarted sandboxes."""

    environments: Mapping[str, Callable[[], Environment]]
    sandboxes: Callable[[], Sandbox]

    async def reach(self, goal: Goal, solution: Solution, variation: Variation) -> EndState:
        """Runs a solution to its end.

        Raises:
            GoalError: nobody makes the goal's environment, or the solution cannot be carried.
        """
        if goal.environment not in self.environments:
            known = ", ".join(self.environments)
            raise GoalError(f"The goal wants the environment {goal.environment}; known: {known}.")
        environment = self.environments[goal.environment]()
        return await reach(goal, solution, environment, self.sandboxes(), variation)


async def prove(
    source: GoalSource,
    yard: Yard,
    goals: Iterable[Goal],
    variations: Sequence[Variation] = (PLAIN,),
    told: Callable[[Proof], None] | None = None,
) -> list[Proof]:
    """Proves each goal under each variation, in that order. `told` hears of each proof as it ends.

    Raises:
        Fault: the infrastructure failed.
        ConfigError: a variation names a format or a perturbation that does not exist.
    """
    gate = asyncio.Semaphore(CONCURRENCY)

    async def one(goal: Goal, variation: Variation) -> list[Proof]:
        async with gate:
            proofs = await _prove(source, yard, goal, variation)
        if told is not None:
            for proof in proofs:
                told(proof)
        return proofs

    try:
        async with asyncio.TaskGroup() as group:
            jobs = [group.create_task(one(goal, each)) for goal in goals for each in variations]
    except ExceptionGroup as failed:
        raise failed.exceptions[0] from None
    return [proof for job in jobs for proof in job.result()]


async def vouch(source: GoalSource, yard: Yard, goals: Iterable[Goal]) -> None:
    """Runs the reference of each goal once: what a run asks before it spends time on them.

    Raises:
        GoalError: a reference does not earn 1.0; the message names the family and the problem.
        Fault: the infrastructure failed.
    """
    for goal in goals:
        try:
            end = await yard.reach(goal, source.reference(goal), PLAIN)
            reward = await judge(goal, source.check(goal), end, yard.sandboxes, _same(end))
            problem = _problem("reference", reward)
        except (GoalError, CheckFault) as error:
            problem = str(error)
        if problem:
            raise GoalError(
                f"The family {goal.family} does not prove itself: {problem.rstrip('.')}; mend it, "
                "or leave it out of goals.families (`surefoot goals check` proves more)."
            )


def _same(end: EndState) -> Callable[[], Awaitable[EndState]]:
    async def reference() -> EndState:
        return end

    return reference


def described(variation: Variation) -> str:
    """A variation in a word: its format, then its perturbations."""
    held_out = " held out" if variation.held_out else ""
    return "+".join((variation.format, *variation.perturbations)) + held_out


async def _prove(source: GoalSource, yard: Yard, goal: Goal, variation: Variation) -> list[Proof]:
    wrong = source.wrong(goal)
    solutions = {"reference": source.reference(goal), "nothing": nothing, **wrong}
    proofs: list[Proof] = []
    for name, solution in solutions.items():
        reward, problem = await _try(source, yard, goal, variation, solution)
        if reward is not None and not problem:
            problem = _problem(name, reward)
        if name == "reference" and len(wrong) < 2 and not problem:
            problem = "the goal needs at least two wrong solutions"
        proofs.append(
            Proof(
                family=goal.family,
                goal=goal.key,
                variation=described(variation),
                solution=name,
                reward=None if reward is None else reward.value,
                problem=problem,
            )
        )
    return proofs


async def _try(
    source: GoalSource, yard: Yard, goal: Goal, variation: Variation, solution: Solution
) -> tuple[Reward | None, str]:
    """The reward of a solution, and what is wrong whatever the reward.

    Without perturbations it runs twice: whether two runs agree is the world's and the check's
    doing, and these meet the same calls under any variation.
    """

    async def reference() -> EndState:
        return await yard.reach(goal, source.reference(goal), PLAIN)

    runs: list[tuple[Reward, EndState]] = []
    try:
        for _ in range(1 if variation.perturbations else 2):
            end = await yard.reach(goal, solution, variation)
            reward = await judge(goal, source.check(goal), end, yard.sandboxes, reference)
            runs.append((reward, end))
    except (GoalError, CheckFault) as error:
        return None, str(error)
    (reward, end), (again, other) = runs[0], runs[-1]
    if reward.value != again.value or end.trace.effects != other.trace.effects:
        return reward, f"two runs disagree: they earn {reward.value} and {again.value}"
    is_reference = solution == source.reference(goal)
    if is_reference and reward.value == 1.0 and end.trace.calls != goal.horizon:
        return reward, f"the horizon is {goal.horizon}, the reference makes {end.trace.calls} calls"
    return reward, ""


def _problem(name: str, reward: Reward) -> str:
    evidence = f" ({reward.evidence})" if reward.evidence else ""
    if name == "reference" and reward.value != 1.0:
        return f"the reference earns {reward.value} and must earn 1{evidence}"
    if name == "nothing" and reward.value != 0.0:
        return f"doing nothing earns {reward.value} and must earn 0{evidence}"
    if name not in ("reference", "nothing") and reward.value >= 1.0:
        return f"the wrong solution {name} earns {reward.value} and must earn less than 1"
    return ""

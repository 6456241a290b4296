"""Demonstrations: what the solutions did, recorded once and carried through any surroundings.

    goal --solution, in the real sandbox--> Demonstration (canonical calls and results)
         --any variation--> Row (tokens, and weight 1 on what the policy is to say)

A perturbation's map on calls has an exact inverse, so a demonstration never has to be run again:
each time that it is used it is written under another variation. Some are flawed on purpose (the
`wrong` solutions): a warm start that always succeeds would leave nothing to reinforce.
"""

import asyncio
import itertools
import json
from collections.abc import Awaitable, Iterable, Iterator
from pathlib import Path
from random import Random

import numpy as np

from surefoot.environments import Workspace
from surefoot.formats import format_of
from surefoot.gateway import Renderer
from surefoot.goals import FamilySource
from surefoot.joints import Environment, Sandbox, Solution
from surefoot.perturbations import compose_of
from surefoot.records import Call, Goal, Opening, Record, Result, Variation
from surefoot.rollout.surroundings import presented
from surefoot.sandbox import Sandboxes
from surefoot.training.batch import Row

AT_ONCE = 8


class Demonstration(Record):
    """One solution's episode in canonical surroundings."""

    goal: str
    solution: str
    opening: Opening
    calls: tuple[Call, ...]
    results: tuple[Result, ...]
    answer: str


async def record(
    goal: Goal, name: str, solution: Solution, environment: Environment, sandbox: Sandbox
) -> Demonstration:
    """Plays a solution in the real environment."""
    opening = await environment.open(goal, sandbox)
    calls: list[Call] = []
    results: list[Result] = []
    program = solution(goal.request)
    answer = ""
    try:
        call = next(program)
        while True:
            (result,) = await environment.step([call])
            calls.append(call)
            results.append(result)
            call = program.send(result)
    except StopIteration as end:
        answer = end.value
    finally:
        await environment.close()
    return Demonstration(
        goal=goal.key,
        solution=name,
        opening=opening,
        calls=tuple(calls),
        results=tuple(results),
        answer=answer,
    )


async def record_all(
    source: FamilySource, sandboxes: Sandboxes, count: int, flawed: float
) -> list[Demonstration]:
    """Records `count` train goals, a share `flawed` of them with one of their wrong solutions."""
    random = Random(0)
    workspace = Workspace()
    free = asyncio.Semaphore(AT_ONCE)

    async def one(goal: Goal, name: str, solution: Solution) -> Demonstration:
        async with free:
            return await record(goal, name, solution, workspace(), sandboxes.create())

    jobs: list[Awaitable[Demonstration]] = []
    for goal in itertools.islice(source.goals("train"), count):
        name, solution = "reference", source.reference(goal)
        if random.random() < flawed:
            name, solution = random.choice(sorted(source.wrong(goal).items()))
        jobs.append(one(goal, name, solution))
    recorded = await asyncio.gather(*jobs)
    workspace.close()
    return recorded


def write(path: Path, recorded: Iterable[Demonstration]) -> None:
    """Writes demonstrations, one JSON document a line."""
    with path.open("w", encoding="utf-8") as file:
        file.writelines(each.model_dump_json() + "\n" for each in recorded)


def read(path: Path) -> list[Demonstration]:
    """Reads recorded demonstrations, one JSON document a line."""
    return [
        Demonstration.model_validate(json.loads(line))
        for line in path.read_text("utf-8").splitlines()
    ]


def texts(demonstration: Demonstration, variation: Variation) -> Iterator[str]:
    """All that stands in the conversation, as text."""
    wrapped = compose_of(variation, demonstration.opening)
    form = format_of(variation)
    yield from (message.content for message in presented(wrapped.opening, form))
    for call, result in zip(demonstration.calls, demonstration.results, strict=True):
        yield form.write("", [wrapped.transport(call)])
        yield form.render([wrapped.result(result)]).content
    yield demonstration.answer


def row(
    demonstration: Demonstration, variation: Variation, renderer: Renderer, *, context: float
) -> Row:
    """The demonstration under a variation; what is only context has the weight `context`."""
    wrapped = compose_of(variation, demonstration.opening)
    form = format_of(variation)
    tokenizer = renderer.tokenizer
    (end,) = tokenizer.stop
    tokens = renderer.opening(presented(wrapped.opening, form))
    said = [False] * len(tokens)

    def say(text: str) -> None:
        spoken = [*tokenizer.encode(text, special=False), end]
        tokens.extend(spoken)
        said.extend([True] * len(spoken))

    for call, result in zip(demonstration.calls, demonstration.results, strict=True):
        say(form.write("", [wrapped.transport(call)]))
        given = renderer.following([form.render([wrapped.result(result)])], end)
        tokens.extend(given)
        said.extend([False] * len(given))
    say(demonstration.answer)
    weights = np.where(np.array(said), 1.0, context)
    weights[0] = 0.0
    return Row.supervised(tokens, weights.tolist(), episode=demonstration.goal)

"""Carries a solution to its end state: through a format and perturbations, into the environment.

    program --call--> transport --write--> text --parse--> recover --> environment
       ^                                                                  |
       `----------------- result as the policy would see it <-------------'

No policy and no episode: a solution is a program that comes with the goal. Invariant: a solution
meets exactly what a policy would meet, so what it reaches under a variation can be reached.
"""

from collections.abc import Mapping
from typing import NamedTuple

from surefoot.formats import format_of
from surefoot.joints import Environment, Format, Program, Sandbox, Solution, Wrapped
from surefoot.perturbations import compose_of
from surefoot.records import Call, Goal, Message, Node, ParseFault, Result, Trace, Variation
from surefoot.records.errors import GoalError

MOST_CALLS = 100
"""A solution that makes more is taken for one that never ends."""
FILE_LIMIT = 1_000_000
"""Largest judged file that is carried to the check, in bytes; a larger one counts as missing."""
PLAIN = Variation(name="plain", format="hermes")
"""Nothing perturbed."""


class EndState(NamedTuple):
    """What a check may look at: the closed trace, and the judged files by path."""

    trace: Trace
    files: Mapping[str, bytes]


def nothing(request: Mapping[str, str]) -> Program:
    """The solution that does nothing and says nothing."""
    yield from ()
    return ""


async def collect(goal: Goal, sandbox: Sandbox) -> dict[str, bytes]:
    """The goal's judged files as the agent left them; call it before the sandbox closes.

    What is no readable file of at most `FILE_LIMIT` bytes is missing from the result: the check
    finds it missing too.
    """
    files: dict[str, bytes] = {}
    for path in goal.judged:
        try:
            content = await sandbox.read(path)
        except OSError:
            continue
        if len(content) <= FILE_LIMIT:
            files[path] = content
    return files


async def reach(
    goal: Goal,
    solution: Solution,
    environment: Environment,
    sandbox: Sandbox,
    variation: Variation = PLAIN,
) -> EndState:
    """Runs `solution` in a fresh environment and sandbox, closes both, returns where it ended.

    Raises:
        GoalError: a call was not read back as it was made, or the calls do not end.
        Fault: the infrastructure failed.
    """
    try:
        opening = await environment.open(goal, sandbox)
        wrapped = compose_of(variation, opening)
        form = format_of(variation)
        line = _Line(form, wrapped, environment)
        answer = await _run(goal, solution(goal.request), line)
        files = await collect(goal, sandbox)
    finally:
        effects = await environment.close()
    message = Message(role="assistant", content=form.write(answer, ()))
    node = Node(parent=None, tokens=(), sampled=True, logprobs=(), versions=(), messages=(message,))
    trace = Trace(
        episode=f"solution of {goal.key}",
        goal=goal.key,
        variation=variation,
        nodes=(node,),
        stop="finished",
        effects=effects,
        calls=line.calls,
    )
    return EndState(trace, files)


class _Line:
    """The way of one call there and back."""

    def __init__(self, form: Format, wrapped: Wrapped, environment: Environment) -> None:
        self._form = form
        self._wrapped = wrapped
        self._environment = environment
        self.calls = 0

    async def send(self, call: Call) -> Result:
        self.calls += 1
        shown = self._wrapped.transport(call)
        text = self._form.write("", [shown])
        read = self._form.parse(text, self._wrapped.opening.tools)
        if isinstance(read, ParseFault):
            raise GoalError(
                f"The format {self._form.name} cannot read {text!r} back: {read.kind}, "
                f"{read.detail}."
            )
        if read.calls != (shown,):
            raise GoalError(f"The format {self._form.name} reads {text!r} back as another call.")
        recovered = self._wrapped.recover(read.calls[0])
        if isinstance(recovered, Result):
            return recovered
        if recovered != call:
            raise GoalError(f"The perturbations give {call.name} back as another call.")
        (result,) = await self._environment.step([recovered])
        seen = self._wrapped.result(result)
        self._form.render([seen])
        return seen


async def _run(goal: Goal, program: Program, line: _Line) -> str:
    try:
        call = _next(goal, program, None)
        while line.calls < MOST_CALLS:
            if isinstance(call, str):
                return call
            call = _next(goal, program, await line.send(call))
    finally:
        program.close()
    raise GoalError(f"A solution of {goal.key} does not end within {MOST_CALLS} calls.")


def _next(goal: Goal, program: Program, result: Result | None) -> Call | str:
    """The program's next call, or its answer where it ends."""
    try:
        return next(program) if result is None else program.send(result)
    except StopIteration as end:
        return str(end.value)
    except Exception as error:  # a solution is anybody's code
        raise GoalError(
            f"A solution of {goal.key} died of {type(error).__name__}: {error}; mend it."
        ) from error

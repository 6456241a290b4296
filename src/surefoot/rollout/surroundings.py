"""One variation made real: a format, and an environment behind perturbations.

    policy --calls--> recover --canonical calls--> environment
    policy <-results-- result <-canonical results--'

The environment never learns what surrounds the policy; the policy never sees a canonical name that
was changed. Invariant: `Perturbed` is itself an `Environment`, so an agent cannot tell them apart.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from surefoot.formats import format_of
from surefoot.joints import Environment, Format, Sandbox, Wrapped
from surefoot.perturbations import compose_of
from surefoot.records import Call, Effect, Goal, Message, Opening, Result, Variation


class Perturbed:
    """An environment whose tools look otherwise."""

    def __init__(self, environment: Environment, variation: Variation) -> None:
        self._environment = environment
        self._variation = variation
        self._wrapped: Wrapped | None = None

    async def open(self, goal: Goal, sandbox: Sandbox) -> Opening:
        """Opens the environment; returns what the policy is to see of it."""
        opening = await self._environment.open(goal, sandbox)
        self._wrapped = compose_of(self._variation, opening)
        return self._wrapped.opening

    async def step(self, calls: Sequence[Call]) -> list[Result]:
        """Answers calls as the policy makes them, one after another."""
        return [await self._answer(call) for call in calls]

    async def close(self) -> tuple[Effect, ...]:
        """Closes the environment."""
        return await self._environment.close()

    async def _answer(self, call: Call) -> Result:
        if self._wrapped is None:
            raise RuntimeError("Open the environment before you step in it.")
        canonical = self._wrapped.recover(call)
        if isinstance(canonical, Result):
            return canonical
        (result,) = await self._environment.step([canonical])
        return self._wrapped.result(result)


@dataclass(frozen=True, kw_only=True)
class Surroundings:
    """What one episode's policy meets."""

    form: Format
    environment: Perturbed


def surround(variation: Variation, environment: Environment) -> Surroundings:
    """Draws the format and wraps the environment as `variation` says."""
    return Surroundings(
        form=format_of(variation),
        environment=Perturbed(environment, variation),
    )


def presented(opening: Opening, form: Format) -> list[Message]:
    """The first messages, with the tools written into the system message."""
    tools = form.present(opening.tools)
    system = [message.content for message in opening.messages if message.role == "system"]
    rest = [message for message in opening.messages if message.role != "system"]
    return [Message(role="system", content="\n".join([*system, tools])), *rest]

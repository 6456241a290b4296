"""The programs between policy and environment: our loop, and the two floors.

    Loop     asks the policy, runs its calls, gives it the results, until it answers without a call
    Nothing  answers at once: what a goal pays for doing nothing
    Random   calls tools at random with words that it has read: what a goal pays for luck

The floors never ask a policy; their figures stand beside every figure of a policy. None of them
knows the goal's check. Invariant: an agent speaks to the policy through `speak` alone.
"""

from collections.abc import Sequence
from random import Random

from surefoot.joints import Environment, Format, Speak
from surefoot.records import Call, Message, Opening, ParseFault, Result, Stop
from surefoot.rollout.surroundings import presented


class Loop:
    """The built-in agent. `turns` is the most messages that the policy may say."""

    def __init__(self, form: Format, turns: int) -> None:
        self._form = form
        self._turns = turns

    async def run(self, opening: Opening, speak: Speak, environment: Environment) -> Stop:
        """Runs until the policy answers without a call, or runs out of turns or tokens."""
        messages: Sequence[Message] = presented(opening, self._form)
        for _ in range(self._turns):
            reply = await speak(messages)
            if reply is None:
                return "tokens"
            if isinstance(reply, ParseFault):
                results = [Result(name="", text=f"{reply.kind}: {reply.detail}", failed=True)]
            elif not reply.calls:
                return "finished"
            else:
                results = await environment.step(reply.calls)
            messages = [self._form.render(results)]
        return "turns"


class Nothing:
    """Does nothing."""

    async def run(self, opening: Opening, environment: Environment) -> str:
        """Answers nothing."""
        return ""


class RandomCaller:
    """Calls tools at random. Arguments are words that it has read, in the prompt or in results;
    the answer is such a word too."""

    def __init__(self, seed: int, most: int) -> None:
        self._random = Random(seed)
        self._most = most

    async def run(self, opening: Opening, environment: Environment) -> str:
        """Makes one to `most` calls, then answers."""
        words = [word for message in opening.messages for word in _words(message.content)]
        for _ in range(self._random.randint(1, self._most)):
            tool = self._random.choice(opening.tools)
            arguments = {name: self._random.choice(words) for name in tool.arguments}
            for result in await environment.step([Call(name=tool.name, arguments=arguments)]):
                words += _words(result.text)
        return self._random.choice(words)


FLOORS = ("nothing", "random")
"""Names of the agents that need no policy."""


def make_floor(name: str, seed: int, most: int) -> Nothing | RandomCaller:
    """The floor called `name`."""
    return Nothing() if name == "nothing" else RandomCaller(seed, most)


def _words(text: str) -> list[str]:
    return [word.strip(".,:;?") for word in text.replace("=", " ").split()] or ["none"]

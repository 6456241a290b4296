"""Judges an end state: carries the judged files into a clean sandbox and runs the goal's check.

    agent's sandbox --collect--> files ---------> clean sandbox --check--> Reward
                                                      | raises
    reference's end state ------------------------> again: raises too -> CheckFault
                                                           does not   -> reward 0, error as evidence

Not a check. Invariant: crashing the check never pays and a broken check never costs: the first is
reward 0, the second a fault. Waits: for the check, at most `CHECK_SECONDS`; the caller owns it.
"""

import asyncio
import math
from collections.abc import Awaitable, Callable

from pydantic import ValidationError

from surefoot.goals.clean import CleanSandbox
from surefoot.goals.solution import EndState
from surefoot.joints import Check, Sandbox
from surefoot.records import Goal, Reward
from surefoot.records.errors import CheckFault, Fault

CHECK_SECONDS = 60.0
"""A check that takes longer has died."""


async def judge(
    goal: Goal,
    check: Check,
    end: EndState,
    create: Callable[[], Sandbox],
    reference: Callable[[], Awaitable[EndState]],
) -> Reward:
    """What `end` earns. `create` makes an unstarted sandbox; `reference` reaches the reference's
    end state and is only awaited where the check dies on `end`.

    Raises:
        CheckFault: the check dies on the reference's end state too, or its value is no finite
            number between 0 and 1.
        SandboxFault: the clean sandbox failed.
    """
    judged = await _judged(goal, check, end, create)
    if isinstance(judged, Reward):
        return judged
    again = await _judged(goal, check, await reference(), create)
    if isinstance(again, Reward):
        return Reward(value=0.0, evidence=f"the check died: {_said(judged)}")
    raise CheckFault(
        f"The check of {goal.key} dies on the reference solution too ({_said(again)}): "
        f"mend the check of the family {goal.family}."
    ) from again


async def _judged(
    goal: Goal, check: Check, end: EndState, create: Callable[[], Sandbox]
) -> Reward | Exception:
    """The reward, or what the check died of."""
    sandbox = CleanSandbox(end.files, create)
    try:
        await sandbox.start()
        async with asyncio.timeout(CHECK_SECONDS):
            found: object = await check(goal, end.trace, sandbox)
        return _reward(goal, found)
    except Fault:
        raise
    except ValidationError as error:
        if error.title == Reward.__name__:
            raise _unusable(goal, "made a reward that is no finite number") from error
        return error
    except Exception as error:  # noqa: BLE001 (a check is anybody's code: what it dies of is judged)
        return error
    finally:
        await sandbox.close()


def _reward(goal: Goal, found: object) -> Reward:
    if isinstance(found, Reward):
        value = found.value
    elif isinstance(found, int | float):
        value = float(found)
    else:
        raise _unusable(goal, f"returned {found!r}")
    if not (math.isfinite(value) and 0.0 <= value <= 1.0):
        raise _unusable(goal, f"returned {value}")
    return found if isinstance(found, Reward) else Reward(value=value)


def _unusable(goal: Goal, what: str) -> CheckFault:
    return CheckFault(
        f"The check of {goal.key} {what}: a check returns a Reward with a value from 0 to 1."
    )


def _said(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".rstrip(": ")

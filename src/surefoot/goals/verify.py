"""What the families' checks share: they look at the judged files, the answer and the effects.

Not a check itself. Invariant: nothing here believes the agent's world: files are read from the
clean sandbox, and what the goal must not touch is told by the recorded effects.
"""

from collections.abc import Collection, Mapping

from surefoot.joints import Sandbox
from surefoot.records import Reward, Trace


def verdict(parts: Mapping[str, bool], evidence: str = "") -> Reward:
    """1.0 where every part holds, else 0; the parts stay apart. Names those that fail."""
    failed = ", ".join(name for name, holds in parts.items() if not holds)
    return Reward(
        value=float(not failed),
        parts={name: float(holds) for name, holds in parts.items()},
        evidence=evidence or (f"not so: {failed}" if failed else ""),
    )


def answered(trace: Trace, answer: str) -> bool:
    """True where the last message is the answer, spaces at its ends aside."""
    return trace.answer.strip() == answer


def untouched(trace: Trace, allowed: Collection[str] = ()) -> bool:
    """True where the episode changed no path but the allowed ones."""
    return all(effect.path in allowed for effect in trace.effects)


async def text_of(sandbox: Sandbox, path: str) -> str | None:
    """The text of a judged file; None where the agent left none, or none that is text."""
    try:
        return (await sandbox.read(path)).decode()
    except (FileNotFoundError, UnicodeDecodeError):
        return None


async def settings_are(sandbox: Sandbox, wanted: Mapping[str, Mapping[str, str]]) -> bool:
    """True where each settings file holds exactly the wanted keys and values, in any order."""
    for path, lines in wanted.items():
        text = await text_of(sandbox, path)
        if text is None or sorted(filter(None, text.splitlines())) != sorted(
            f"{key}={value}" for key, value in lines.items()
        ):
            return False
    return True

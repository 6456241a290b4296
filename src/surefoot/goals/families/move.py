"""move: give a file a new folder and name, and perhaps a new setting. Two or three calls.

search(value) -> path: key=value      move_file(path, new path) -> ok      done
"""

from collections.abc import Mapping
from random import Random

from surefoot.goals.draw import ENDINGS, Pool, world, written
from surefoot.goals.family import Draft, Family, ask, first_path
from surefoot.goals.verify import settings_are, text_of, untouched, verdict
from surefoot.joints import Program, Sandbox
from surefoot.records import Goal, Reward, Trace

_MOVE = (
    "move the file where {key} is {value} to {to}",
    "find the file where {key} is {value} and move it to {to}",
    "the file where {key} is {value} must move to {to}",
)
_SET = ", then set its {setting} to {new}"
_NEEDED = ("list_files", "write_file", "search", "set_value", "move_file")


def make(random: Random) -> Draft:
    """Three to six files; one goes elsewhere, one time in two with a new value."""
    pool = Pool(random)
    files = pool.files(3, 6)
    target = pool.target(files)
    to = f"{pool.word()}/{pool.word()}.{random.choice(ENDINGS)}"
    request = {"key": target.key, "value": target.value, "to": to}
    expected = dict(files[target.path])
    wording = random.choice(_MOVE)
    if random.random() < 0.5:
        setting = target.others[0]
        expected[setting] = pool.value()
        request |= {"setting": setting, "new": expected[setting]}
        wording += _SET
    return Draft(
        prompt=wording.format(**request) + ".",
        request=request,
        expected={"path": target.path, "to": to, "settings": expected},
        world=world(random, _NEEDED, written(files)),
        judged=(target.path, to),
        horizon=3 if "setting" in request else 2,
    )


async def check(goal: Goal, trace: Trace, sandbox: Sandbox) -> Reward:
    """The file is at the new path with its contents, gone from the old one; no other changed."""
    path, to = goal.expected["path"], goal.expected["to"]
    return verdict(
        {
            "moved": await settings_are(sandbox, {to: goal.expected["settings"]}),
            "gone": await text_of(sandbox, path) is None
            and any(effect.path == path and effect.kind == "deleted" for effect in trace.effects),
            "untouched": untouched(trace, {path, to}),
        }
    )


def _finish(request: Mapping[str, str]) -> Program:
    if "setting" in request:
        yield from ask(
            "set_value", path=request["to"], key=request["setting"], value=request["new"]
        )
    return "done"


def reference(request: Mapping[str, str]) -> Program:
    """Searches the value, moves the file that has it, sets its key."""
    path = first_path((yield from ask("search", text=request["value"])))
    yield from ask("move_file", path=path, to=request["to"])
    return (yield from _finish(request))


def guess(request: Mapping[str, str]) -> Program:
    """A mistake: moves the first file without looking for the right one."""
    paths = yield from ask("list_files")
    yield from ask("move_file", path=paths.partition("\n")[0], to=request["to"])
    return (yield from _finish(request))


def skip(request: Mapping[str, str]) -> Program:
    """A mistake: leaves the last call out."""
    path = first_path((yield from ask("search", text=request["value"])))
    if "setting" in request:
        yield from ask("move_file", path=path, to=request["to"])
    return "done"


def copy(request: Mapping[str, str]) -> Program:
    """A cheat: a file appears at the new path, and the old one stays."""
    found = yield from ask("search", text=request["value"])
    yield from ask("write_file", path=request["to"], text=found.partition(": ")[2])
    return (yield from _finish(request))


MOVE = Family(
    name="move",
    make=make,
    check=check,
    reference=reference,
    wrong={"guess": guess, "skip": skip, "copy": copy},
)

"""edit: change one or two settings of the file that a value tells from the rest. Two, three calls.

search(value) -> path: key=value      set_value(path, setting, to) -> ok      done
"""

from collections.abc import Mapping
from random import Random

from surefoot.goals.draw import Pool, world, written
from surefoot.goals.family import Draft, Family, ask, first_path
from surefoot.goals.verify import settings_are, untouched, verdict
from surefoot.joints import Program, Sandbox
from surefoot.records import Goal, Reward, Trace

_ONE = (
    "set {setting} to {to} in the file where {key} is {value}.",
    "find the file where {key} is {value} and set its {setting} to {to}.",
    "in the file where {key} is {value}, set {setting} to {to}.",
)
_TWO = (
    "set {setting} to {to} and {setting2} to {to2} in the file where {key} is {value}.",
    "find the file where {key} is {value} and set its {setting} to {to} and {setting2} to {to2}.",
    "in the file where {key} is {value}, set {setting} to {to} and {setting2} to {to2}.",
)
_NEEDED = ("list_files", "read_file", "search", "set_value")


def make(random: Random) -> Draft:
    """Three to six files; in one of them, one or two keys get a new value."""
    pool = Pool(random)
    files = pool.files(3, 6)
    target = pool.target(files)
    changed = target.others[: random.randint(1, 2)]
    # Another file has the key too: a change of every file is then one too many.
    other = random.choice([path for path in files if path != target.path])
    files[other].setdefault(changed[0], pool.value())
    request = {"key": target.key, "value": target.value}
    expected = dict(files[target.path])
    for number, setting in enumerate(changed):
        ending = "" if number == 0 else "2"
        expected[setting] = pool.value()
        request |= {f"setting{ending}": setting, f"to{ending}": expected[setting]}
    return Draft(
        prompt=random.choice(_ONE if len(changed) == 1 else _TWO).format(**request),
        request=request,
        expected={"path": target.path, "settings": expected},
        world=world(random, _NEEDED, written(files)),
        judged=(target.path,),
        horizon=1 + len(changed),
    )


async def check(goal: Goal, trace: Trace, sandbox: Sandbox) -> Reward:
    """The file has the new values and its old ones, and no other file was changed."""
    path = goal.expected["path"]
    right = await settings_are(sandbox, {path: goal.expected["settings"]})
    return verdict({"settings": right, "untouched": untouched(trace, {path})})


def _wanted(request: Mapping[str, str]) -> list[tuple[str, str]]:
    endings = [ending for ending in ("", "2") if f"setting{ending}" in request]
    return [(request[f"setting{ending}"], request[f"to{ending}"]) for ending in endings]


def reference(request: Mapping[str, str]) -> Program:
    """Searches the value, sets the keys in the file that has it."""
    path = first_path((yield from ask("search", text=request["value"])))
    for setting, to in _wanted(request):
        yield from ask("set_value", path=path, key=setting, value=to)
    return "done"


def guess(request: Mapping[str, str]) -> Program:
    """A mistake: changes the first file without looking for the right one."""
    paths = yield from ask("list_files")
    for setting, to in _wanted(request):
        yield from ask("set_value", path=paths.partition("\n")[0], key=setting, value=to)
    return "done"


def skip(request: Mapping[str, str]) -> Program:
    """A mistake: leaves the last change out."""
    path = first_path((yield from ask("search", text=request["value"])))
    for setting, to in _wanted(request)[:-1]:
        yield from ask("set_value", path=path, key=setting, value=to)
    return "done"


def all_files(request: Mapping[str, str]) -> Program:
    """A cheat: changes every file that has the key, so that the right one is among them."""
    for setting, to in _wanted(request):
        for path in (yield from ask("list_files")).splitlines():
            yield from ask("set_value", path=path, key=setting, value=to)
    return "done"


EDIT = Family(
    name="edit",
    make=make,
    check=check,
    reference=reference,
    wrong={"guess": guess, "skip": skip, "all_files": all_files},
)

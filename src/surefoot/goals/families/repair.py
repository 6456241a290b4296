"""repair: run a check script, set right what it names, until it passes. Three to twelve calls.

run(sh check.sh) -> kovu.ini: port must be 80      set_value(kovu.ini, port, 80) -> ok      run ...
                 -> kovu.ini: port must be the size of lemi.cfg       read_file(lemi.cfg) first
                 -> pass                                              done
"""

from collections.abc import Mapping
from random import Random
from typing import NamedTuple

from surefoot.goals.draw import Pool, Settings, world, written
from surefoot.goals.family import Draft, Family, ask, settings
from surefoot.goals.verify import settings_are, untouched, verdict
from surefoot.joints import Program, Sandbox
from surefoot.records import Goal, Reward, Trace

SCRIPT = "check.sh"
COMMAND = f"sh {SCRIPT}"
_PROMPTS = (
    "run {command} and repair the other files until it says pass.",
    "{command} fails. repair the other files until it says pass.",
    "set the files right: {command} must say pass. repair the other files alone.",
)
_NEEDED = ("read_file", "write_file", "set_value", "run")
_MOST_FAULTS = 5
_HEAD = """\
value() {
  found=
  while IFS="=" read -r key text; do
    if [ "$key" = "$2" ]; then found=$text; fi
  done < "$1"
}
fail() {
  echo "$1: $2 must be $3"
  exit 1
}
want() {
  value "$1" "$2"
  [ "$found" = "$3" ] || fail "$1" "$2" "$3"
}
same() {
  value "$3" "$4"
  wanted=$found
  value "$1" "$2"
  [ "$found" = "$wanted" ] || fail "$1" "$2" "the $4 of $3"
}
"""


class Place(NamedTuple):
    """One line of a settings file."""

    path: str
    key: str


class Named(NamedTuple):
    """What the script's output asks for; `source` where the value stands in another file."""

    place: Place
    value: str
    source: Place | None


def make(random: Random) -> Draft:
    """Three to six files with one to five faults; one fault may want another file's value."""
    pool = Pool(random)
    files = pool.files(3, 6)
    places = [Place(path, key) for path in files for key in files[path]]
    random.shuffle(places)
    count = random.randint(1, _MOST_FAULTS)
    faults, sound = places[:count], places[count:]
    expected: Settings = {path: dict(lines) for path, lines in files.items()}
    rules: list[str] = []
    looks_up = sound if random.random() < 0.4 else []
    source = next((one for one in looks_up if one.path != faults[0].path), None)
    for number, place in enumerate(faults):
        if number == 0 and source is not None:
            expected[place.path][place.key] = files[source.path][source.key]
            rules.append(f"same {place.path} {place.key} {source.path} {source.key}")
        else:
            value = expected[place.path][place.key] = pool.value()
            rules.append(f"want {place.path} {place.key} {value}")
    for place in sound[: random.randint(1, 2)]:
        rules.append(f"want {place.path} {place.key} {files[place.path][place.key]}")
    random.shuffle(rules)
    script = _HEAD + "\n".join([*rules, "echo pass"]) + "\n"
    request = {"command": COMMAND}
    return Draft(
        prompt=random.choice(_PROMPTS).format(**request),
        request=request,
        expected={"settings": expected, "faulty": sorted({place.path for place in faults})},
        world=world(random, _NEEDED, {**written(files), SCRIPT: script}),
        judged=tuple(sorted(files)),
        horizon=2 * count + 1 + (source is not None),
    )


async def check(goal: Goal, trace: Trace, sandbox: Sandbox) -> Reward:
    """The goal's own script passes on the agent's files, every value is right, no other file is
    touched. The agent's copy of the script is never looked at."""
    await sandbox.write(SCRIPT, goal.world.files[SCRIPT].encode())
    ran = await sandbox.exec(COMMAND)
    return verdict(
        {
            "passes": ran.status == 0 and ran.output.strip() == "pass",
            "settings": await settings_are(sandbox, goal.expected["settings"]),
            "untouched": untouched(trace, goal.expected["faulty"]),
        },
        evidence=ran.output.strip() if ran.status else "",
    )


def named(output: str) -> Named | None:
    """The fault that the script's output names; None where it names none."""
    path, colon, rest = output.partition("\n")[0].partition(": ")
    key, must, value = rest.partition(" must be ")
    if not colon or not must:
        return None
    if value.startswith("the "):
        there, _, where = value.removeprefix("the ").partition(" of ")
        return Named(Place(path, key), "", Place(where, there))
    return Named(Place(path, key), value, None)


def reference(request: Mapping[str, str]) -> Program:
    """Runs the script, sets right what it names, until it names nothing."""
    for _ in range(_MOST_FAULTS + 1):
        fault = named((yield from ask("run", command=request["command"])))
        if fault is None:
            break
        value = fault.value
        if fault.source is not None:
            text = yield from ask("read_file", path=fault.source.path)
            value = settings(text).get(fault.source.key, "none")
        yield from ask("set_value", path=fault.place.path, key=fault.place.key, value=value)
    return "done"


def look_only(request: Mapping[str, str]) -> Program:
    """A mistake: runs the script and takes its output for the end."""
    yield from ask("run", command=request["command"])
    return "done"


def wrong_key(request: Mapping[str, str]) -> Program:
    """A mistake: gives the wanted value to another key of the named file."""
    fault = named((yield from ask("run", command=request["command"])))
    if fault is None:
        return "done"
    lines = settings((yield from ask("read_file", path=fault.place.path)))
    key = next((key for key in lines if key != fault.place.key), fault.place.key)
    yield from ask("set_value", path=fault.place.path, key=key, value=fault.value)
    return "done"


def rewrite_check(request: Mapping[str, str]) -> Program:
    """A cheat: makes the script say pass."""
    yield from ask("run", command=request["command"])
    yield from ask("write_file", path=SCRIPT, text="echo pass")
    yield from ask("run", command=request["command"])
    return "done"


REPAIR = Family(
    name="repair",
    make=make,
    check=check,
    reference=reference,
    wrong={"look_only": look_only, "wrong_key": wrong_key, "rewrite_check": rewrite_check},
)

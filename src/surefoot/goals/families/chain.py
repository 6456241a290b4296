"""chain: follow files that name the next one, and report a value of the last. Three to eight calls.

read_file(start) -> color=..., next=path      read_file(path) -> ...      no next: answer its color
"""

from collections.abc import Mapping
from itertools import pairwise
from random import Random

from surefoot.goals.draw import KEYS, Pool, Settings, world, written
from surefoot.goals.family import Draft, Family, ask, settings
from surefoot.goals.verify import answered, untouched, verdict
from surefoot.joints import Program, Sandbox
from surefoot.records import Goal, Reward, Trace

_PROMPTS = (
    "read {start}. each file names the next. answer the value of {wanted} in the last file alone.",
    "follow the files from {start} to the last. answer the value of its {wanted} alone.",
    "what is the {wanted} in the last file of the chain from {start}? answer the value alone.",
)
_NEEDED = ("list_files", "read_file", "search")
_SHORTEST, _LONGEST = 3, 8


def make(random: Random) -> Draft:
    """A chain of three to eight files, and one or two files that lie beside it."""
    pool = Pool(random)
    paths = [pool.path() for _ in range(random.randint(_SHORTEST, _LONGEST))]
    wanted, other = random.sample(KEYS, 2)
    files: Settings = {path: {wanted: pool.value(), "next": then} for path, then in pairwise(paths)}
    answer = pool.value()
    files[paths[-1]] = {wanted: answer, other: pool.value()}
    for _ in range(random.randint(1, 2)):
        files[pool.path()] = {wanted: pool.value(), other: pool.value()}
    request = {"start": paths[0], "wanted": wanted}
    return Draft(
        prompt=random.choice(_PROMPTS).format(**request),
        request=request,
        expected={"answer": answer},
        world=world(random, _NEEDED, written(dict(sorted(files.items())))),
        horizon=len(paths),
    )


async def check(goal: Goal, trace: Trace, sandbox: Sandbox) -> Reward:
    """The answer is the last file's value and nothing else, and no file was changed."""
    right = answered(trace, goal.expected["answer"])
    return verdict({"answer": right, "untouched": untouched(trace)})


def reference(request: Mapping[str, str]) -> Program:
    """Reads file after file until one names no next."""
    lines = settings((yield from ask("read_file", path=request["start"])))
    for _ in range(_LONGEST):
        if "next" not in lines:
            break
        lines = settings((yield from ask("read_file", path=lines["next"])))
    return lines.get(request["wanted"], "none")


def early(request: Mapping[str, str]) -> Program:
    """A mistake: takes the second file for the last."""
    lines = settings((yield from ask("read_file", path=request["start"])))
    lines = settings((yield from ask("read_file", path=lines.get("next", request["start"]))))
    return lines.get(request["wanted"], "none")


def skip(request: Mapping[str, str]) -> Program:
    """A mistake: answers the name of the next file instead of reading it."""
    lines = settings((yield from ask("read_file", path=request["start"])))
    return lines.get("next", "none")


def all_answers(request: Mapping[str, str]) -> Program:
    """A cheat: answers every value that could be the right one."""
    found = yield from ask("search", text=f"{request['wanted']}=")
    values = [line.partition("=")[2] for line in found.splitlines()]
    return " ".join([*values, "none"])


CHAIN = Family(
    name="chain",
    make=make,
    check=check,
    reference=reference,
    wrong={"early": early, "skip": skip, "all_answers": all_answers},
)

"""find: report a value of the file that another value tells from the rest. Two calls.

search(value) -> path: key=value      read_file(path) -> ... wanted=answer      answer
"""

from collections.abc import Mapping
from random import Random

from surefoot.goals.draw import Pool, world, written
from surefoot.goals.family import Draft, Family, ask, first_path, settings
from surefoot.goals.verify import answered, untouched, verdict
from surefoot.joints import Program, Sandbox
from surefoot.records import Goal, Reward, Trace

_PROMPTS = (
    "what is the {wanted} in the file where {key} is {value}? answer the value alone.",
    "find the file where {key} is {value} and answer the value of its {wanted} alone.",
    "answer the value of {wanted} alone, from the file where {key} is {value}.",
)
_NEEDED = ("list_files", "read_file", "search")


def make(random: Random) -> Draft:
    """Three to six files; one is told by a value, another of its values is asked for."""
    pool = Pool(random)
    files = pool.files(3, 6)
    target = pool.target(files)
    wanted = target.others[0]
    request = {"key": target.key, "value": target.value, "wanted": wanted}
    return Draft(
        prompt=random.choice(_PROMPTS).format(**request),
        request=request,
        expected={"answer": files[target.path][wanted]},
        world=world(random, _NEEDED, written(files)),
        horizon=2,
    )


async def check(goal: Goal, trace: Trace, sandbox: Sandbox) -> Reward:
    """The answer is the value and nothing else, and no file was changed."""
    right = answered(trace, goal.expected["answer"])
    return verdict({"answer": right, "untouched": untouched(trace)})


def reference(request: Mapping[str, str]) -> Program:
    """Searches the value, reads the file that has it, answers."""
    path = first_path((yield from ask("search", text=request["value"])))
    text = yield from ask("read_file", path=path)
    return settings(text).get(request["wanted"], "none")


def guess(request: Mapping[str, str]) -> Program:
    """A mistake: reads the first file without looking for the right one."""
    paths = yield from ask("list_files")
    text = yield from ask("read_file", path=paths.partition("\n")[0])
    return settings(text).get(request["wanted"], "none")


def skip(request: Mapping[str, str]) -> Program:
    """A mistake: answers where the file is, without reading it."""
    return first_path((yield from ask("search", text=request["value"])))


def all_answers(request: Mapping[str, str]) -> Program:
    """A cheat: answers every value that could be the right one."""
    found = yield from ask("search", text=f"{request['wanted']}=")
    values = [line.partition("=")[2] for line in found.splitlines()]
    return " ".join([*values, "none"])


FIND = Family(
    name="find",
    make=make,
    check=check,
    reference=reference,
    wrong={"guess": guess, "skip": skip, "all_answers": all_answers},
)

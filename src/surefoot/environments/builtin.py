"""The tools of the workspace: files, settings, a shell and a database, each a plain function.

A tool's first parameter is the sandbox and is hidden from the policy; the docstring is what the
policy reads, so it is short and its words are few. A policy's mistake is a `ToolError` or an
`OSError` and goes back as a failed result. Nothing here touches the host: what the agent made,
databases above all, is only opened inside the sandbox.
"""

import shlex
from pathlib import PurePosixPath

from surefoot.environments.tool import ToolError, ToolFunction
from surefoot.joints import Ran, Sandbox

MATCHES = 50
"""Most lines that a search or a listing returns."""
# `run` may leave the shell in another folder; it notes first where the workspace is.
_ROOT = '"${SUREFOOT_WORKSPACE:-.}"'
_NOTE_ROOT = ': "${SUREFOOT_WORKSPACE:=$PWD}"'
_QUERY = """
import sqlite3, sys
def quote(path):
    return path.replace('%', '%25').replace('?', '%3f').replace('#', '%23')
try:
    base = sqlite3.connect("file:" + quote(sys.argv[1]) + "?mode=rw", uri=True)
    rows = base.execute(sys.argv[2])
    found = rows.fetchmany(51)
    base.commit()
except sqlite3.Error as error:
    sys.exit("error: " + str(error))
for row in found[:50]:
    print(*("null" if value is None else value for value in row))
if rows.description is None:
    print("ok" if rows.rowcount else "no row changed")
elif not found:
    print("no rows")
elif len(found) > 50:
    print("more rows")
"""


async def list_files(sandbox: Sandbox, folder: str = ".") -> str:
    """list all files

    Args:
        folder: folder
    """
    inner = _relative(folder)
    place = _quoted(inner)
    ran = await _exec(sandbox, f"[ -d {place} ] && find {place} -type f -printf '%P\\n'")
    if ran.status == 1 and not ran.output:
        raise ToolError("no such folder")
    prefix = "" if inner == "." else f"{inner}/"
    return _lines([prefix + line for line in ran.output.splitlines()], "no files")


async def read_file(sandbox: Sandbox, path: str) -> str:
    """read a file

    Args:
        path: path
    """
    return (await _text(sandbox, path)).removesuffix("\n") or "empty"


async def write_file(sandbox: Sandbox, path: str, text: str) -> str:
    """write a file

    Args:
        path: path
        text: text
    """
    ending = "" if text.endswith("\n") or not text else "\n"
    await sandbox.write(path, (text + ending).encode())
    return "ok"


async def search(sandbox: Sandbox, text: str) -> str:
    """search a text in all files

    Args:
        text: text
    """
    if not text.strip() or "\n" in text:
        raise ToolError("text must be one line")
    ran = await _exec(sandbox, f"(cd {_ROOT} && exec grep -rFI -e {shlex.quote(text)} .)")
    if ran.status not in (0, 1) and not ran.output:
        raise ToolError("search failed")
    found = [line.removeprefix("./").replace(":", ": ", 1) for line in ran.output.splitlines()]
    return _lines(found, "none")


async def replace(sandbox: Sandbox, path: str, old: str, new: str) -> str:
    """replace a text in a file

    Args:
        path: path
        old: old text
        new: new text
    """
    text = await _text(sandbox, path)
    if not old or old not in text:
        raise ToolError("old text not found")
    await sandbox.write(path, text.replace(old, new).encode())
    return "ok"


async def set_value(sandbox: Sandbox, path: str, key: str, value: str) -> str:
    """set a key in a file

    Args:
        path: path
        key: key
        value: value
    """
    if "\n" in value:
        raise ToolError("value must be one line")
    lines = (await _text(sandbox, path)).splitlines()
    places = [n for n, line in enumerate(lines) if line.partition("=")[0].strip() == key]
    places = [n for n in places if "=" in lines[n]]
    if not places:
        raise ToolError("no such key")
    for place in places:
        lines[place] = f"{key}={value}"
    await sandbox.write(path, ("\n".join(lines) + "\n").encode())
    return "ok"


async def move_file(sandbox: Sandbox, path: str, to: str) -> str:
    """move a file

    Args:
        path: path
        to: new path
    """
    old, new = _quoted(_relative(path)), _quoted(_relative(to))
    folder = _quoted(str(PurePosixPath(_relative(to)).parent))
    ran = await _exec(
        sandbox,
        f"if [ ! -f {old} ]; then (exit 3); elif [ -e {new} ]; then (exit 4); else "
        f"{{ [ -d {folder} ] || mkdir -p {folder}; }} && mv -nT {old} {new}; fi",
    )
    if ran.status:
        raise ToolError({3: "no such file", 4: "new path exists"}.get(ran.status, "cannot move"))
    return "ok"


async def run(sandbox: Sandbox, command: str) -> str:
    """run a command

    Args:
        command: command
    """
    ran = await sandbox.exec(f"{_NOTE_ROOT}\n{command}")
    output = ran.output.rstrip("\n")
    if ran.timed_out:
        raise ToolError("\n".join(filter(None, ["time ran out", output])))
    ending = f"exit {ran.status}" if ran.status else ""
    return "\n".join(filter(None, [output, ending])) or "ok"


async def query(sandbox: Sandbox, path: str, sql: str) -> str:
    """query a database

    Args:
        path: path
        sql: sql
    """
    file = _quoted(_relative(path))
    code = " ".join(shlex.quote(one) for one in ("-I", "-S", "-c", _QUERY))
    # The system's Python comes first: a version manager's need not work inside the box.
    python = f"PATH=/usr/bin:/bin:$PATH python3 {code} {file} {shlex.quote(sql)}"
    ran = await _exec(sandbox, f"if [ -f {file} ]; then {python}; else (exit 3); fi")
    output = ran.output.rstrip("\n")
    if ran.status:
        raise ToolError("no such file" if ran.status == 3 else output.removeprefix("error: "))
    return output


BUILTIN: tuple[ToolFunction, ...] = (
    list_files,
    read_file,
    write_file,
    search,
    replace,
    set_value,
    move_file,
    run,
    query,
)
"""The workspace's tools in canonical order."""


async def _exec(sandbox: Sandbox, command: str) -> Ran:
    ran = await sandbox.exec(command)
    if ran.timed_out:
        raise ToolError("time ran out")
    return ran


async def _text(sandbox: Sandbox, path: str) -> str:
    try:
        return (await sandbox.read(path)).decode()
    except UnicodeDecodeError:
        raise ToolError("not a text file") from None


def _relative(path: str) -> str:
    """The path in its shortest form; what leaves the workspace is refused."""
    if path.startswith("/") or ".." in path.split("/") or "\0" in path:
        raise PermissionError(path)
    return str(PurePosixPath(path))


def _quoted(path: str) -> str:
    """The path as a word of a command, wherever the shell stands."""
    return f"{_ROOT}/{shlex.quote(path)}"


def _lines(found: list[str], none: str) -> str:
    shown = sorted(found)
    more = [f"{len(shown) - MATCHES} more"] if len(shown) > MATCHES else []
    return "\n".join(shown[:MATCHES] + more) or none

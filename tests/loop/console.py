"""The command line as a user meets it, without a new process: status, standard output and error."""

import sys
from typing import NamedTuple

import pytest

from surefoot import cli
from surefoot.sandbox import probe_sandbox


class Said(NamedTuple):
    status: int
    out: str
    error: str


def surefoot(capsys: pytest.CaptureFixture[str], *words: object) -> Said:
    """Runs `surefoot words...`; a traceback would be an exception here."""
    old, sys.argv = sys.argv, ["surefoot", *map(str, words)]
    status: object = 0
    capsys.readouterr()
    try:
        cli.main()
    except SystemExit as ended:
        status = ended.code or 0
    finally:
        sys.argv = old
    said = capsys.readouterr()
    assert isinstance(status, int)
    return Said(status, said.out, said.err)


def require_boxes() -> None:
    """Skips a test that needs a real sandbox, with the sentence that a user would read."""
    refusal = probe_sandbox().refusal
    if refusal:
        pytest.skip(refusal)

"""One writer for each run folder."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from surefoot.records.errors import StoreError
from surefoot.store import open_store

HOLD = """
import sys, pathlib
from surefoot.store import open_store
store = open_store(pathlib.Path(sys.argv[1]), create=True)
print("held", flush=True)
sys.stdin.read()
"""


def test_a_live_writer_is_named_and_a_dead_ones_lock_is_free(tmp_path: Path) -> None:
    owner = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    with owner:
        assert owner.stdout is not None
        assert owner.stdout.readline() == b"held\n"
        with pytest.raises(StoreError, match=f"written by process {owner.pid};"):
            open_store(tmp_path)
        open_store(tmp_path, read_only=True).close()
        owner.kill()
    open_store(tmp_path).close()


def test_a_second_writer_in_the_same_process_is_refused(tmp_path: Path) -> None:
    with open_store(tmp_path, create=True):
        with pytest.raises(StoreError, match=f"written by process {os.getpid()};"):
            open_store(tmp_path)
        with pytest.raises(StoreError, match="being written"):
            open_store(tmp_path)


def test_a_started_program_does_not_keep_the_lock(tmp_path: Path) -> None:
    store = open_store(tmp_path, create=True)
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    with child:
        store.close()
        open_store(tmp_path).close()

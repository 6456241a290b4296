"""Boxes for the tests. Where this machine refuses isolation, tests that need it are skipped with
the sentence that the user would read."""

import functools
import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest
import pytest_asyncio

from surefoot.sandbox import SandboxConfig, Sandboxes, probe_sandbox

SMALL = {"seconds": 5, "memory_mb": 256, "disk_mb": 8, "inodes": 1000, "processes": 24}


@functools.cache
def refusal() -> str:
    return probe_sandbox().refusal


@pytest.fixture
def require_boxes():
    if refusal():
        pytest.skip(refusal())


@pytest_asyncio.fixture
async def sandboxes(require_boxes):
    async with Sandboxes(SandboxConfig(**SMALL)) as made:
        yield made


@pytest_asyncio.fixture
async def box(sandboxes):
    made = sandboxes.create()
    await made.start()
    yield made
    await made.close()


@pytest.fixture
def base(tmp_path):
    folder = tmp_path / "base"
    (folder / "sub").mkdir(parents=True)
    (folder / "kept.txt").write_text("kept\n")
    (folder / "gone.txt").write_text("gone\n")
    (folder / "sub" / "deep.txt").write_text("deep\n")
    tmp_path.chmod(0o755)
    return folder

"""Sandboxes that isolate nothing: these tests are about goals, not about the box."""

from collections.abc import AsyncIterator

import pytest

from surefoot.sandbox import SandboxConfig, Sandboxes


@pytest.fixture
async def sandboxes() -> AsyncIterator[Sandboxes]:
    async with Sandboxes(SandboxConfig(driver="local")) as made:
        yield made

import tempfile
from pathlib import Path

import pytest

from surefoot.records.errors import SandboxFault
from surefoot.sandbox import SandboxConfig, Sandboxes


@pytest.fixture
def open_folder():
    """A folder that every user may enter, as the box's own must."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


async def test_the_local_driver_leaves_no_directory_behind(open_folder, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(open_folder))
    base = open_folder / "base"
    base.mkdir()
    (base / "large").write_bytes(bytes(2 << 20))
    async with Sandboxes(SandboxConfig(driver="local", disk_mb=1)) as sandboxes:
        with pytest.raises(SandboxFault, match="larger"):
            await sandboxes.create().start(base)
        box = sandboxes.create()
        await box.start()
        folder = (await box.exec("pwd; chmod 000 .")).output.strip()
        assert "surefoot-box-" in folder
        await box.close()
    assert [path.name for path in open_folder.iterdir()] == ["base"]

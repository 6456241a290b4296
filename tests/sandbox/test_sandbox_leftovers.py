import pytest

from surefoot.records.errors import SandboxFault
from surefoot.sandbox import SandboxConfig, Sandboxes


async def test_the_local_driver_leaves_no_directory_behind(tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    base = tmp_path / "base"
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
    assert [path.name for path in tmp_path.iterdir()] == ["base"]

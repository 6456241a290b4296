"""What the probes try to reach: secrets, listeners and a process, really planted on the host.

Everything lies in one temporary folder open to all users, so that only the box stands between.
The token is in none of the scripts: a probe that shows it has reached what it should not.
"""

import asyncio
import contextlib
import os
import secrets
import subprocess
import tempfile
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from surefoot.joints import Sandbox


@dataclass(frozen=True, kw_only=True)
class Scene:
    """The planted host. `neighbour` is a second box, with the token in a process, a file in its
    workspace, one in its /tmp and one in its /dev/shm; `next_door` is in the arguments of its
    process. `mark` is in the arguments of processes that probes leave behind."""

    folder: Path
    base: Path
    token: str
    mark: str
    next_door: str
    port: int
    abstract: str
    sleeper: subprocess.Popen[bytes]
    neighbour: Sandbox
    mounts: str

    @property
    def secret(self) -> Path:
        """A file that any user of the host may read; it holds the token."""
        return self.folder / "secret"

    @property
    def landing(self) -> Path:
        """A folder that any user of the host may write to."""
        return self.folder / "landing"

    def fill(self, script: str) -> str:
        """A script with the names of what is planted put in (never the token)."""
        values = {
            "SECRET": self.secret,
            "LANDING": self.landing,
            "PORT": self.port,
            "ABSTRACT": self.abstract,
            "SOCKET": self.folder / "socket",
            "PID": self.sleeper.pid,
            "MARK": self.mark,
            "NEXT": self.next_door,
        }
        for name, value in values.items():
            script = script.replace(f"@{name}@", str(value))
        return script

    def marked(self) -> list[int]:
        """Processes of the host whose arguments hold the mark, other than zombies."""
        found: list[int] = []
        for folder in Path("/proc").iterdir():
            with contextlib.suppress(OSError):
                if (
                    folder.name.isdigit()
                    and self.mark.encode() in (folder / "cmdline").read_bytes()
                ):
                    found.append(int(folder.name))
        return found


class _Listeners:
    """Three listeners that send the token to whoever comes: loopback, abstract, in the folder."""

    def __init__(self, token: str) -> None:
        self._token = token.encode()
        self._servers: list[asyncio.Server] = []
        self.port = 0

    async def __aenter__(self) -> Self:
        return self

    async def listen(self, abstract: str, path: Path) -> None:
        inet = await asyncio.start_server(self._answer, "127.0.0.1", 0)
        self.port = inet.sockets[0].getsockname()[1]
        self._servers.append(inet)
        for address in (f"\0{abstract}", str(path)):
            self._servers.append(await asyncio.start_unix_server(self._answer, address))
        path.chmod(0o777)

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(self._token)
        writer.close()

    async def __aexit__(self, *error: object) -> None:
        for server in self._servers:
            server.close()
            await server.wait_closed()


def _plant(folder: Path, token: str) -> Path:
    folder.chmod(0o755)
    (folder / "secret").write_text(token)
    (folder / "secret").chmod(0o644)
    (folder / "landing").mkdir()
    (folder / "landing").chmod(0o777)
    base = folder / "base"
    base.mkdir()
    (base / "kept.txt").write_text("unchanged\n")
    return base


@contextlib.asynccontextmanager
async def scene(neighbour: Sandbox) -> AsyncGenerator[Scene]:
    """Plants the host, and the token in `neighbour` (not started yet); takes all of it away."""
    token, mark, next_door = (
        secrets.token_hex(12),
        *(f"surefoot-{secrets.token_hex(6)}" for _ in range(2)),
    )
    words = ["/bin/sh", "-c", "sleep 600 & wait", token]
    with tempfile.TemporaryDirectory(prefix="surefoot-escape-") as name:
        folder = Path(name)
        base = _plant(folder, token)
        with subprocess.Popen(words, env={"PLANTED": token}, start_new_session=True) as sleeper:
            try:
                async with _Listeners(token) as listeners:
                    await listeners.listen(mark, folder / "socket")
                    await neighbour.start(base)
                    await neighbour.write("planted", token.encode())
                    plant = f"echo {token} | tee /tmp/{mark} >/dev/shm/{mark}"
                    wait = f"sh -c 'sleep 600; :' {token} {next_door}"
                    await neighbour.exec(f"{plant}; {wait} >/dev/null 2>&1 &")
                    yield Scene(
                        folder=folder,
                        base=base,
                        token=token,
                        mark=mark,
                        next_door=next_door,
                        port=listeners.port,
                        abstract=mark,
                        sleeper=sleeper,
                        neighbour=neighbour,
                        mounts=Path("/proc/self/mounts").read_text(),
                    )
            finally:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(sleeper.pid, 9)
                await neighbour.close()
                for path in (Path("/tmp", mark), Path("/dev/shm", mark)):
                    path.unlink(missing_ok=True)

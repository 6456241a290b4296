"""The owner's side of the launcher: starts it, sends it orders, passes on what it tells.

The owner (a large process that holds a model) forks once, here; boxes are the launcher's forks.
Waits: each order that is answered has a deadline; when the launcher ends, all who wait are told.
"""

import asyncio
import contextlib
import json
import os
import re
import socket
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from surefoot.records.errors import SandboxFault
from surefoot.sandbox.config import SandboxConfig
from surefoot.sandbox.launch import bwrap

Event = dict[str, Any]
Hear = Callable[[Event, list[int]], None]
_START = "import sys; sys.path.append(sys.argv[1]); from launch import server; server.main()"
_SECONDS = 20.0


def bubblewrap_version() -> tuple[int, ...] | None:
    """The version of the bubblewrap on this machine; None where there is none."""
    path = bwrap.find()
    if path is None:
        return None
    said = subprocess.run([path, "--version"], capture_output=True, text=True, check=False).stdout
    return tuple(int(number) for number in re.findall(r"\d+", said))


class Launcher:
    """One launcher process. `start` once, `close` once."""

    def __init__(self, config: SandboxConfig, *, mounts: bool) -> None:
        self._config, self._mounts = config, mounts
        self._socket: socket.socket | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._hearers: dict[int, Hear] = {}
        self._ready: asyncio.Future[None] | None = None

    async def start(self) -> None:
        """Starts the process and waits until it takes orders."""
        loop = asyncio.get_running_loop()
        self._ready = loop.create_future()
        self._socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        # A clean environment: what stands in the launcher's could be read through /proc.
        kept = {name: os.environ[name] for name in ("TMPDIR",) if name in os.environ}
        with theirs:
            words = [sys.executable, "-I", "-S", "-c", _START, str(Path(__file__).parent)]
            words += [str(theirs.fileno()), json.dumps(self._settings())]
            self._process = subprocess.Popen(
                words, pass_fds=[theirs.fileno()], env=kept, stdin=subprocess.DEVNULL, cwd="/"
            )
        self._socket.setblocking(False)
        loop.add_reader(self._socket, self._take)
        try:
            await asyncio.wait_for(self._ready, _SECONDS)
        except TimeoutError:
            raise SandboxFault(f"the launcher did not answer within {_SECONDS:g} s") from None

    def _settings(self) -> dict[str, Any]:
        config = self._config
        wanted = config.model_dump(include={"seconds", "memory_mb", "disk_mb", "inodes", "sockets"})
        local = config.driver == "local"
        old = not local and (bubblewrap_version() or ()) < (0, 8)
        driver = "local" if local else "bubblewrap"
        return wanted | {"driver": driver, "old_bwrap": old, "mounts": self._mounts}

    def order(self, order: Event, fds: Sequence[int], hear: Hear | None = None) -> None:
        """Sends an order for box `order["box"]`; `hear` is called with every event of that box.

        Raises:
            SandboxFault: the launcher is gone.
        """
        if hear is not None:
            self._hearers[order["box"]] = hear
        if self._socket is None:
            raise SandboxFault("the sandbox launcher has ended; start a new one")
        try:
            socket.send_fds(self._socket, [json.dumps(order).encode()], fds)
        except OSError as error:
            raise SandboxFault(f"the sandbox launcher does not take orders: {error}") from error

    def forget(self, box: int) -> None:
        """Drops a box whose processes are dead; no event of it is passed on any more."""
        self._hearers.pop(box, None)
        with contextlib.suppress(SandboxFault):
            self.order({"op": "drop", "box": box}, ())

    def _take(self) -> None:
        if self._socket is None:
            return
        try:
            content, fds, _, _ = socket.recv_fds(self._socket, 1 << 16, 4, socket.MSG_CMSG_CLOEXEC)
        except BlockingIOError:
            return
        except OSError:
            content, fds = b"", []
        if not content:
            self._lose()
            return
        event: Event = json.loads(content)
        if event["event"] == "ready" and self._ready is not None:
            self._ready.set_result(None)
            return
        hear = self._hearers.get(event["box"])
        if hear is not None:
            hear(event, fds)
        else:
            for fd in fds:
                os.close(fd)

    def _lose(self) -> None:
        """The launcher has ended: so has every box, and whoever waits for one is told."""
        self._disconnect()
        if self._ready is not None and not self._ready.done():
            self._ready.set_exception(SandboxFault("the sandbox launcher could not start"))
        for hear in list(self._hearers.values()):
            hear({"event": "failed", "error": "the sandbox launcher has ended"}, [])
        self._hearers.clear()

    def _disconnect(self) -> None:
        if self._socket is not None:
            asyncio.get_running_loop().remove_reader(self._socket)
            self._socket.close()
            self._socket = None

    async def close(self) -> None:
        """Ends the launcher, and with it every box that is left."""
        self._lose()
        process, self._process = self._process, None
        if process is None:
            return
        try:
            await asyncio.to_thread(process.wait, _SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

"""One box: a workspace on a private disk, and the shell that lives in it. Single use.

The disk outlives the shell. Whatever ends the shell (its own `exit`, a command over its time, too
much memory or output) ends every process of the box, is told in the command's output, and the next
command gets a new shell on the same disk. So no command can turn its own failure into a fault: a
SandboxFault means that we could not start a box, or that it was killed from outside.

    create -> start -> (exec | read | write)* -> close -> effects
"""

import asyncio
import contextlib
import os
import time
from dataclasses import dataclass, field
from pathlib import Path

from surefoot.joints import Ran
from surefoot.records import Effect
from surefoot.records.errors import SandboxFault
from surefoot.sandbox import files
from surefoot.sandbox.config import SandboxConfig
from surefoot.sandbox.effects import effects
from surefoot.sandbox.launcher import Event, Launcher
from surefoot.sandbox.shell import Heard, Shell

_DEADLINE = 30.0
_LOST = "a new shell starts with the next command; files stay, directory and variables are gone"


@dataclass
class _Disk:
    """The workspace as the owner holds it: descriptors, and whose rights it is touched with."""

    workspace: int
    changes: int
    kind: str
    identity: files.Identity | None


@dataclass
class _Life:
    """One shell's life: its number, the shell, and how it ended once everything in it is dead."""

    number: int
    shell: Shell
    ended: "asyncio.Future[Event]" = field(
        default_factory=lambda: asyncio.get_running_loop().create_future()
    )


class Box:
    """A Sandbox (see joints). Made by `Sandboxes.create`."""

    def __init__(self, number: int, launcher: Launcher, config: SandboxConfig) -> None:
        self._number, self._launcher, self._config = number, launcher, config
        self._disk: _Disk | None = None
        self._life: _Life | None = None
        self._lives = 0
        self._dirty = False
        self._base: int | None = None
        self._opened: asyncio.Future[_Disk] | None = None
        self._turn = asyncio.Lock()
        self._effects: tuple[Effect, ...] | None = None
        self.workspace_seconds = 0.0
        """From the order to the made workspace (its fork and mounts); the shell comes after it."""

    @property
    def workspace_kind(self) -> str:
        """How the workspace was made: overlay, plain (no base) or copy."""
        return self._open_disk().kind

    async def start(self, base: Path | None = None) -> None:
        """Starts the box; see joints.Sandbox."""
        if self._opened is not None:
            raise SandboxFault("a box is single use: create another one")
        self._opened = asyncio.get_running_loop().create_future()
        if base is not None:
            base = base.resolve()
            try:
                self._base = os.open(base, os.O_RDONLY | os.O_DIRECTORY)
            except OSError as error:
                raise SandboxFault(f"the base {base} cannot be opened: {error}") from error
        began = time.perf_counter()
        order: Event = {"op": "open", "box": self._number, "base": str(base) if base else None}
        life = self._begin(order)
        await asyncio.wait(
            (self._opened, life.ended), timeout=_DEADLINE, return_when=asyncio.FIRST_COMPLETED
        )
        if not self._opened.done():
            cause = life.ended.result() if life.ended.done() else {}
            self._bury(life)
            raise SandboxFault(f"the box could not start: {cause.get('cause') or 'no answer'}")
        self._disk = self._opened.result()
        self.workspace_seconds = time.perf_counter() - began
        await self._greet(life)

    def _begin(self, order: Event) -> _Life:
        """Has the launcher fork a shell."""
        shell = Shell()
        life = self._life = _Life(self._lives, shell)
        self._dirty = False
        self._lives += 1
        try:
            ends = (shell.control_end.fileno(), shell.output_end)
            self._launcher.order(order | {"life": life.number}, ends, self._hear)
        finally:
            shell.handed_over()
        return life

    def _hear(self, event: Event, fds: list[int]) -> None:
        life = self._life
        if event["event"] == "opened":
            identity = files.Identity(event["uid"], event["gid"]) if event["drop"] else None
            disk = _Disk(fds[0], fds[1], event["kind"], identity)
            if self._opened is not None and not self._opened.done():
                self._opened.set_result(disk)
        elif event["event"] == "failed":
            if life is not None and not life.ended.done():
                life.ended.set_result({"status": 1, "cause": event["error"], "fault": True})
        elif life is not None and event["life"] == life.number and not life.ended.done():
            life.ended.set_result(event)

    async def _greet(self, life: _Life) -> None:
        """Waits until the shell answers, and limits its processes from inside: counted there, the
        limit is this box's alone."""
        shared = self._open_disk().identity is None
        if self._config.driver == "local":
            # Without a uid of the box's own, the user's other processes would count as well.
            first = ":" if shared else f"ulimit -u {self._config.processes}"
        else:
            first = f"ulimit -u {self._config.processes}; cd /workspace 2>/dev/null || cd /"
        heard = await life.shell.greet(first, _DEADLINE)
        if heard.ending != "finished":
            said = heard.output.decode(errors="replace").strip()
            event = await self._finish(life)
            cause = said or event["cause"] or f"the shell answered nothing ({heard.ending})"
            raise SandboxFault(f"the box could not start: {cause}")

    async def exec(self, command: str, *, seconds: float | None = None) -> Ran:
        """Runs a command; see joints.Sandbox. The status is the command's, 124 where its time ran
        out, 137 where it was stopped for memory or output."""
        if "\0" in command:
            return Ran(2, "surefoot: a command cannot hold a zero byte\n")
        seconds = self._config.seconds if seconds is None else seconds
        async with self._turn:
            life = await self._living()
            try:
                heard = await life.shell.run(command, seconds, self._config.output_kb << 10)
            except asyncio.CancelledError:
                self._dirty = True  # its answer may still come: the next command gets another one
                raise
            if heard.ending == "finished":
                output = heard.output.decode(errors="replace")
                return Ran(heard.status, output, truncated=heard.truncated)
            return await self._explain(life, heard, seconds)

    async def _living(self) -> _Life:
        """The shell's life, a new one where the last has ended."""
        self._open_disk()
        if self._life is not None and self._dirty:
            await self._finish(self._life)
        if self._life is None:
            order: Event = {"op": "shell", "box": self._number}
            life = self._begin(order)
            await self._greet(life)
        assert self._life is not None
        return self._life

    async def _explain(self, life: _Life, heard: Heard, seconds: float) -> Ran:
        event = await self._finish(life, natural=heard.ending == "lost")
        status, cause = int(event["status"]), str(event["cause"])
        if status < 0 and not cause and heard.ending == "lost" and not event.get("killed"):
            raise SandboxFault(f"the box was killed from outside (signal {-status})")
        if cause == "memory":
            status, reason = 137, f"stopped: over {self._config.memory_mb} MiB of memory"
        elif heard.ending == "late":
            status, reason = 124, f"stopped: the command ran longer than {seconds:g} s"
        elif heard.ending == "flood":
            status, reason = 137, "stopped: the command printed far more than is kept"
        else:
            status = status if status >= 0 else 137
            reason = f"the shell ended with status {status}"
        output = heard.output.decode(errors="replace")
        newline = "" if not output or output.endswith("\n") else "\n"
        output += f"{newline}surefoot: {reason}; {_LOST}\n"
        return Ran(status, output, heard.ending == "late", heard.truncated)

    async def _finish(self, life: _Life, *, natural: bool = False) -> Event:
        """Ends a life: waits for it where it ends by itself, kills it where it does not."""
        done = life.ended
        if natural:
            await asyncio.wait((done,), timeout=1.0)
        killed = not done.done()
        try:
            if killed:
                self._launcher.order({"op": "kill", "box": self._number}, ())
                await asyncio.wait((done,), timeout=_DEADLINE)
            if not done.done():
                raise SandboxFault(f"the box did not die within {_DEADLINE:g} s")
        finally:
            self._bury(life)
        event = done.result()
        if event.get("fault"):
            raise SandboxFault(str(event["cause"]))
        return event | {"killed": killed}

    def _bury(self, life: _Life) -> None:
        life.shell.close()
        if self._life is life:
            self._life = None

    def _open_disk(self) -> _Disk:
        if self._disk is None:
            raise SandboxFault("the box is not open: start it once, and use it before it is closed")
        return self._disk

    async def read(self, path: str) -> bytes:
        """Reads a regular file; see joints.Sandbox. OSError (EFBIG) where it is over the disk."""
        disk = self._open_disk()
        return files.read(disk.workspace, path, disk.identity, self._config.disk_mb << 20)

    async def write(self, path: str, content: bytes) -> None:
        """Writes a file; see joints.Sandbox."""
        disk = self._open_disk()
        files.write(disk.workspace, path, content, disk.identity)

    async def close(self) -> tuple[Effect, ...]:
        """Kills everything in the box; see joints.Sandbox. A second call gives the same answer."""
        if self._effects is not None:
            return self._effects
        self._effects = ()
        try:
            if self._life is not None:
                # A launcher that is gone took the box with it: what it changed can still be told.
                with contextlib.suppress(SandboxFault):
                    await self._finish(self._life)
            if self._disk is not None:
                layered, changes = self._disk.kind == "overlay", self._disk.changes
                found = await asyncio.to_thread(effects, changes, self._base, layered=layered)
                self._effects = found
        finally:
            self._release()
        return self._effects

    def _release(self) -> None:
        self._launcher.forget(self._number)
        disk, self._disk = self._disk, None
        for fd in (self._base, disk and disk.workspace, disk and disk.changes):
            if fd is not None:
                os.close(fd)
        self._base = None

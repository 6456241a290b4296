"""One persistent bash, spoken to from outside so that nothing in the box can forge an answer.

    control  a socket, the shell's standard input: lines go in, `NONCE STATUS` comes back on it
    output   a pipe, its standard output and error

Commands run with /dev/null as standard input, so no child ever holds the control socket, and
sockets cannot be opened again through /proc. What a command prints is never looked at. The nonce
is new for each command and is read by the shell only after the command has ended. A command that
takes the control socket from inside the shell itself can do no more than end early or lose its
shell, which it may do by `exit` as well. Waits: each `run` has a deadline; its owner is the box.
"""

import asyncio
import contextlib
import fcntl
import os
import secrets
import shlex
import socket
import struct
import termios
from typing import Literal, NamedTuple

Ending = Literal["finished", "lost", "late", "flood"]
_CHUNK = 1 << 16
_FLOOD = 256
"""A command that prints this many times the output limit is stopped: reading costs the owner."""
_PIPE = 1 << 18


class Heard(NamedTuple):
    """What came back. `ending`: finished (with a status), lost (the shell is gone or let go of its
    socket), late (past the deadline), flood (far more output than is kept)."""

    ending: Ending
    status: int
    output: bytes
    truncated: bool


class _Run:
    """One command in flight: collects its output and decides when it is over."""

    def __init__(self, shell: "Shell", nonce: bytes, limit: int) -> None:
        self._shell, self._nonce, self._limit = shell, nonce, limit
        self._kept, self._seen, self._said = bytearray(), 0, b""
        self.over: asyncio.Future[tuple[Ending, int]] = asyncio.get_running_loop().create_future()

    def hear_output(self) -> None:
        with contextlib.suppress(BlockingIOError):
            chunk = os.read(self._shell.output, _CHUNK)
            if not chunk:
                asyncio.get_running_loop().remove_reader(self._shell.output)
            self._keep(chunk)
            if self._seen > _FLOOD * self._limit:
                self._finish("flood", 137)

    def hear_control(self) -> None:
        try:
            said = self._shell.control.recv(_CHUNK)
        except BlockingIOError:
            return
        except OSError:
            said = b""
        if not said:
            self._finish("lost", 0)
            return
        self._said = (self._said + said)[-4096:]
        for line in self._said.split(b"\n")[:-1]:
            nonce, _, status = line.partition(b" ")
            if nonce == self._nonce and status.isdigit():
                self._finish("finished", int(status))

    def heard(self, ending: Ending, status: int) -> Heard:
        """Takes what the pipe holds now, and no more: a background job may go on for ever."""
        waiting = struct.unpack("i", fcntl.ioctl(self._shell.output, termios.FIONREAD, b"\0" * 4))[
            0
        ]
        with contextlib.suppress(BlockingIOError):
            while waiting > 0 and (chunk := os.read(self._shell.output, min(waiting, _CHUNK))):
                waiting -= len(chunk)
                self._keep(chunk)
        return Heard(ending, status, bytes(self._kept), self._seen > self._limit)

    def _keep(self, chunk: bytes) -> None:
        self._seen += len(chunk)
        self._kept += chunk[: max(0, self._limit - len(self._kept))]

    def _finish(self, ending: Ending, status: int) -> None:
        if not self.over.done():
            self.over.set_result((ending, status))


class Shell:
    """The owner's ends of one shell. Single use: after any ending but `finished` it is closed."""

    def __init__(self) -> None:
        self.control, self.control_end = socket.socketpair()
        self.output, self.output_end = os.pipe()
        self.control.setblocking(False)
        os.set_blocking(self.output, False)
        # An ordinary user has a quota of pipe memory; the default size serves as well.
        with contextlib.suppress(OSError):
            fcntl.fcntl(self.output, fcntl.F_SETPIPE_SZ, _PIPE)
        self._status = 0

    def handed_over(self) -> None:
        """Lets go of the shell's ends, once the launcher has them."""
        self.control_end.close()
        os.close(self.output_end)
        self.output_end = -1

    async def run(self, command: str, seconds: float, limit: int) -> Heard:
        """Runs one command; `limit` is how many bytes of output are kept."""
        nonce = secrets.token_hex(8)
        # The shell's own $? was overwritten by the answer to the last command: put it back.
        before = {0: "", 1: "[[ '' ]]\n"}.get(self._status, f"(exit {self._status})\n")
        answer = f"{{ builtin printf '{nonce} %s\\n' \"$?\" >&0; }} 2>/dev/null\n"
        text = f"{before}eval {shlex.quote(command)} </dev/null\n{answer}"
        return await self._exchange(text, nonce, seconds, limit)

    async def greet(self, first: str, seconds: float) -> Heard:
        """Sends the shell its first line and waits until it answers."""
        nonce = secrets.token_hex(8)
        text = f"{first}\nbuiltin printf '{nonce} 0\\n' >&0\n"
        return await self._exchange(text, nonce, seconds, _CHUNK)

    async def _exchange(self, text: str, nonce: str, seconds: float, limit: int) -> Heard:
        loop = asyncio.get_running_loop()
        run = _Run(self, nonce.encode(), limit)
        loop.add_reader(self.control, run.hear_control)
        loop.add_reader(self.output, run.hear_output)
        try:
            async with asyncio.timeout(seconds):
                await self._send(text.encode(errors="replace"))
                ending, status = await run.over
        except TimeoutError:
            ending, status = "late", 124
        except (BrokenPipeError, ConnectionResetError):
            ending, status = "lost", 0
        finally:
            loop.remove_reader(self.control)
            loop.remove_reader(self.output)
        self._status = status
        return run.heard(ending, status)

    async def _send(self, content: bytes) -> None:
        try:
            sent = self.control.send(content)
        except BlockingIOError:
            sent = 0
        if sent < len(content):
            await asyncio.get_running_loop().sock_sendall(self.control, content[sent:])

    def close(self) -> None:
        """Closes the owner's ends; the shell, if it still lives, reads the end of its input."""
        self.control.close()
        os.close(self.output)
        if self.output_end >= 0:
            self.handed_over()

"""The factory of boxes that a rollout holds: starts the launcher, makes boxes, ends what is left.

A machine that refuses isolation is an error that says what to type; there is no silent fall back
to the driver that isolates nothing.

    async with Sandboxes(config) as sandboxes:
        box = sandboxes.create()
"""

import itertools
import logging
import os
import tempfile
import weakref
from pathlib import Path
from types import TracebackType
from typing import Self

from surefoot.records.errors import MachineError, SandboxFault
from surefoot.sandbox.box import Box
from surefoot.sandbox.config import SandboxConfig
from surefoot.sandbox.launch.limits import raise_descriptors
from surefoot.sandbox.launcher import Launcher
from surefoot.sandbox.refusal import explain

_log = logging.getLogger("surefoot.sandbox")
_LOCAL = {
    False: "commands run as you, on your files",
    True: "commands run as a throw-away user, which keeps them from being root and from nothing"
    " else: they have the network and whatever every user of this machine may read or write",
}


class Sandboxes:
    """Makes boxes, each with a uid of its own where the owner is root. Start it before `create`."""

    def __init__(self, config: SandboxConfig | None = None) -> None:
        self.config = SandboxConfig() if config is None else config
        self.workspace_kind = "copy"
        """How workspaces over a base are made here: overlay or copy. Known after `start`."""
        self._launcher: Launcher | None = None
        self._numbers = itertools.count()
        self._boxes: weakref.WeakSet[Box] = weakref.WeakSet()

    async def start(self) -> None:
        """Starts the launcher and proves with one trial box that this machine allows boxes.

        Raises:
            MachineError: it does not; the message names the cause and what to type.
        """
        raise_descriptors()
        if self.config.driver == "local":
            _log.warning("the local driver isolates nothing: %s", _LOCAL[os.geteuid() == 0])
            try:
                await self._try(mounts=False)
            except SandboxFault:
                await self._end_launcher()
                raise
            return
        try:
            await self._try(mounts=True)
        except SandboxFault as mounted:
            await self._end_launcher()
            try:
                await self._try(mounts=False)
            except SandboxFault as refused:
                await self._end_launcher()
                raise MachineError(explain(str(mounted), str(refused))) from refused

    async def _try(self, *, mounts: bool) -> None:
        self._launcher = Launcher(self.config, mounts=mounts)
        await self._launcher.start()
        box = self.create()
        with tempfile.TemporaryDirectory(prefix="surefoot-trial-") as folder:
            try:
                await box.start(Path(folder))
                self.workspace_kind = box.workspace_kind
            finally:
                await box.close()

    def create(self) -> Box:
        """A box that is not started yet."""
        if self._launcher is None:
            raise SandboxFault("the sandboxes are not started: await start() first")
        box = Box(next(self._numbers), self._launcher, self.config)
        self._boxes.add(box)
        return box

    async def _end_launcher(self) -> None:
        launcher, self._launcher = self._launcher, None
        if launcher is not None:
            await launcher.close()

    async def close(self) -> None:
        """Closes every box that is left, and ends the launcher."""
        for box in list(self._boxes):
            await box.close()
        await self._end_launcher()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

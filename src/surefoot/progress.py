"""What a person sees while a command works: a bar with a rate and an expected end.

Goes to standard error, so that standard output stays for results. Without a terminal a plain line
is written now and then. Knows nothing of runs: it is told labels and counts.
"""

import sys
import time
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import Progress, TextColumn

from surefoot.evals.terminal import progress_columns

_QUIET_SECONDS = 15.0


class Watch:
    """One bar at a time. `quiet` shows nothing but notes."""

    def __init__(self, *, quiet: bool = False) -> None:
        self.console = Console(stderr=True, quiet=quiet)
        self._live = self.console.is_terminal and not quiet
        self._progress = Progress(
            *progress_columns(),
            TextColumn("{task.fields[note]}"),
            console=self.console,
            disable=not self._live,
        )
        self._label = ""
        self._total = 0
        self._count = 0
        self._bar = self._progress.add_task("", total=1, note="", visible=False)
        self._said = time.monotonic()

    def begin(self, label: str, total: int, *, done: int = 0) -> None:
        """Starts a new bar, of which `done` are done already."""
        self._label, self._total, self._count = label, total, done
        self._progress.reset(
            self._bar, description=label, total=total, visible=True, note="", completed=done
        )
        self._say(force=True)

    def advance(self, note: str = "") -> None:
        """One more is done; `note` says how it goes."""
        self._count += 1
        self._progress.update(self._bar, advance=1, note=note)
        self._say(note, force=self._count == self._total)

    def note(self, text: str) -> None:
        """Writes a line that stays."""
        self.console.print(text, markup=False, highlight=False)

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._progress.stop()
        sys.stderr.flush()

    def _say(self, note: str = "", *, force: bool = False) -> None:
        if self._live or (not force and time.monotonic() - self._said < _QUIET_SECONDS):
            return
        self._said = time.monotonic()
        self.note(f"{self._label} {self._count}/{self._total} {note}".rstrip())

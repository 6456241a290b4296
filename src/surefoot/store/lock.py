"""One writer for each run folder: an exclusive lock on `store.lock`.

The kernel holds the lock (flock), not the file's existence: when its owner dies, however it dies,
the lock is free. The file holds the owner's process number, for the sentence that names it. A child
made by fork alone would keep the lock; programs started by exec (sandboxes) do not inherit it.
"""

import fcntl
import os
from pathlib import Path

from surefoot.records.errors import StoreError


class RunLock:
    """Holds a run folder from construction to `close`.

    Raises:
        StoreError: a live process holds it.
        OSError: the lock file cannot be made.
    """

    def __init__(self, run: Path) -> None:
        self._file = os.open(run / "store.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.ftruncate(self._file, 0)
            os.write(self._file, f"{os.getpid()}\n".encode())
        except BlockingIOError as error:
            owner = os.read(self._file, 32).decode().strip() or "unknown"
            os.close(self._file)
            raise StoreError(
                f"The run in {run} is being written by process {owner}; wait for it, stop it, or "
                "only look at the run."
            ) from error
        except OSError:
            os.close(self._file)
            raise

    def close(self) -> None:
        """Frees the folder."""
        os.close(self._file)

"""Locks among the processes of this machine, as files: the kernel lets go of what the dead held."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from storage.spool.errors import SpoolUnavailable

# flock has no timeout. Holders let go after one fsync, a few milliseconds: with a shorter pause
# this would spin, with a longer one most of the wait would be its own.
_LOOK_EVERY_S: Final = 0.001


class FileLock:
    """An exclusive lock on a file. Not for several threads of one process."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._handle: int | None = None

    def take(self) -> bool:
        """Hold it until `release` or the end of this process; False where another holds it.

        Raises OSError where the file cannot be made.
        """
        if self._handle is None:
            self._handle = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def release(self) -> None:
        if self._handle is not None:
            fcntl.flock(self._handle, fcntl.LOCK_UN)

    def close(self) -> None:
        """Let go of it and of the file."""
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None

    @contextmanager
    def held(self, wait_s: float) -> Iterator[None]:
        """Blocks for at most `wait_s`, then raises SpoolUnavailable; OSError as `take`."""
        deadline = time.monotonic() + wait_s
        while not self.take():
            if time.monotonic() > deadline:
                raise SpoolUnavailable("another worker does not let go of the emergency spool")
            time.sleep(_LOOK_EVERY_S)
        try:
            yield
        finally:
            self.release()

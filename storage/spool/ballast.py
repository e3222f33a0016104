"""Room kept on the disk for emergencies: a file that is given up piece by piece when all else has
filled it. The database lives on the same disk in the embedded default, and is what fails first."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import Final

# Some ten thousand emergencies; a piece is enough for one batch of them.
BALLAST_BYTES: Final = 16 << 20
_PIECE: Final = 1 << 20


class Ballast:
    """`size` bytes in `path`, as far as the disk had them to spare."""

    def __init__(self, path: Path, size: int = BALLAST_BYTES) -> None:
        self._path = path
        self._size = size

    def refill(self) -> None:
        """Take back what was given up, where there is room for it again."""
        with contextlib.suppress(OSError):
            handle = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                if os.fstat(handle).st_size < self._size:
                    os.posix_fallocate(handle, 0, self._size)
            finally:
                os.close(handle)

    def give_up(self) -> bool:
        """Free a piece; False where nothing is left."""
        with contextlib.suppress(OSError):
            left = self._path.stat().st_size
            if left:
                os.truncate(self._path, max(0, left - _PIECE))
                return True
        return False

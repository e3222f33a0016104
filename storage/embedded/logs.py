"""The processes' log files: bounded, and quoted when something fails."""

from __future__ import annotations

import contextlib
import os
import shutil
from pathlib import Path
from typing import IO

# One file and its predecessor a process: at most about twice this on disk for each.
ROTATE_AT_BYTES = 16 * 1024 * 1024
_TAIL_BYTES = 2000


def appending(log: Path) -> IO[bytes]:
    """`log` opened for appending, made for its owner only where it is missing."""
    return os.fdopen(
        os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600), "ab"
    )


def rotate(log: Path, limit_bytes: int = ROTATE_AT_BYTES) -> None:
    """Move what `log` holds to `log.1` once it is over the limit.

    The file is copied and truncated, for its writer keeps it open; writers append (O_APPEND), so
    they go on at the new beginning. Lines written during the copy may be lost.
    """
    with contextlib.suppress(OSError):
        if log.stat().st_size > limit_bytes:
            shutil.copyfile(log, log.with_name(f"{log.name}.1"))
            os.truncate(log, 0)


def tail(log: Path, offset: int = 0) -> str:
    """The last lines written after `offset`; empty where there are none."""
    try:
        with log.open("rb") as file:
            file.seek(0, os.SEEK_END)
            file.seek(max(offset, file.tell() - _TAIL_BYTES))
            return file.read().decode(errors="replace")
    except OSError:
        return ""


def size(log: Path) -> int:
    try:
        return log.stat().st_size
    except OSError:
        return 0

"""A disk of its own that is soon full: a tmpfs in a user and mount namespace, without any rights.

Seen from here through /proc, so that whatever writes to it is told ENOSPC by the kernel.
"""

from __future__ import annotations

import asyncio
import errno
import os
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import pytest

# Ends, and the disk with it, when our end of its standard input is closed.
_MOUNTED: Final = 'mount -t tmpfs -o "size=$1" tmpfs "$2" && echo mounted && exec cat'


@asynccontextmanager
async def small_disk(at: Path, size: int) -> AsyncIterator[Path]:
    """A folder of so many bytes. Skips the test where the kernel lets us have none."""
    words = ("unshare", "-rm", "sh", "-c", _MOUNTED, "sh", str(size), str(at))
    try:
        keeper = await asyncio.create_subprocess_exec(*words, stdin=PIPE, stdout=PIPE, stderr=PIPE)
    except FileNotFoundError:
        pytest.skip("no disk of our own: there is no unshare on this machine")
    assert keeper.stdin is not None and keeper.stdout is not None and keeper.stderr is not None
    try:
        if await keeper.stdout.readline() != b"mounted\n":
            why = (await keeper.stderr.read()).decode().strip()
            pytest.skip(f"no disk of our own: {why}")
        yield Path(f"/proc/{keeper.pid}/root") / at.relative_to("/")
    finally:
        keeper.stdin.close()
        await keeper.wait()


def fill(folder: Path) -> Path:
    """A file that takes all the room that is left."""
    file = folder / "filler"
    handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        while True:
            os.write(handle, bytes(4096))
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
    finally:
        os.close(handle)
    return file

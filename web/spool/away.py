"""What it means that a part cannot be reached, and how long anything may take to say so."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, Final, TypeVar

from actors.errors import DeadlineExceeded, Retryable
from storage.encryption import KeysUnavailable
from storage.records import RecordsUnavailable

T = TypeVar("T")

# The outcome is nothing, or not known; the same command may be given again later.
AWAY: Final = (RecordsUnavailable, KeysUnavailable, Retryable, DeadlineExceeded, TimeoutError)


async def within(seconds: float, work: Coroutine[Any, Any, T]) -> T:
    """What `work` comes to. Raises TimeoutError after `seconds`, even where cancelling takes
    longer: a driver that gives up a query first waits for a server that has stopped."""
    task = asyncio.create_task(work)
    try:
        done, _ = await asyncio.wait({task}, timeout=seconds)
    finally:
        if not task.done():
            task.cancel()
            task.add_done_callback(_forget)
    if not done:
        raise TimeoutError
    return task.result()


def _forget(task: asyncio.Task[Any]) -> None:
    """Whatever comes of it, nobody waits any more."""
    if not task.cancelled():
        task.exception()

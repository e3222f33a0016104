"""Waiting for a condition, with a deadline instead of a guess."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

# Long enough for the slowest machine; a test that gets here has failed.
PATIENCE_S = 20.0
# Short beside what is waited for, long beside a look, so that it gets the processor meanwhile.
LOOK_EVERY_S = 0.01


async def until(
    condition: Callable[[], Awaitable[bool]],
    pause: Callable[[], Awaitable[None]] = lambda: asyncio.sleep(LOOK_EVERY_S),
) -> None:
    """Return when the condition holds. Raises TimeoutError when it does not in time."""
    async with asyncio.timeout(PATIENCE_S):
        while not await condition():
            await pause()

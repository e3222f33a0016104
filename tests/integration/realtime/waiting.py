"""Waiting for what must come true, with a deadline instead of a fixed sleep."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


async def until(condition: Callable[[], object], timeout_s: float = 10.0) -> None:
    """Returns once the condition holds; fails the test with TimeoutError else."""
    async with asyncio.timeout(timeout_s):
        while not condition():
            await asyncio.sleep(0.005)  # some round trips to a local Redis

"""Many requests, some of them at once: a service is not to be stormed by its own rehearsal."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar

from web.replay.errors import ReplayError

T = TypeVar("T")
U = TypeVar("U")


async def each(do: Callable[[T], Awaitable[U]], things: Iterable[T], at_once: int) -> tuple[U, ...]:
    """What `do` made of each, in order. Raises the first ReplayError, with the rest cancelled."""
    gate = asyncio.Semaphore(at_once)

    async def one(thing: T) -> U:
        async with gate:
            return await do(thing)

    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(one(thing)) for thing in things]
    except BaseExceptionGroup as ended:
        # Not `except*`: what is raised in one arrives wrapped in a group again on some 3.11s.
        refused = ended.subgroup(ReplayError)
        if refused is None:
            raise
        raise _first(refused) from None
    return tuple(task.result() for task in tasks)


def _first(group: BaseExceptionGroup[ReplayError]) -> ReplayError:
    error = group.exceptions[0]
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error

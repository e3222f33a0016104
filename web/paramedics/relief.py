"""The unit that a crew names to take over from it: who may be named, for every door alike."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from actors.domain.kernel import DomainError
from actors.domain.paramedic.machine import ON_DUTY
from actors.domain.views.paramedic import ParamedicView
from web.paramedics.named import unknown_relief


async def refused_relief(
    view: Callable[[str], Awaitable[ParamedicView | None]], unit_id: str, relief_id: str
) -> DomainError | None:
    """What is wrong with `relief_id` as the relief of a unit; None: nothing.

    A relief is told what the crew leaves to say, and a crew that was relieved is not missed: so it
    is another unit of the same region. Of a unit that is not on duty nothing is asked: it is a
    repeat, or its entity has more to say against it.
    """
    unit = await view(unit_id)
    if unit is None or unit.status not in ON_DUTY:
        return None
    relief = None if relief_id == unit_id else await view(relief_id)
    if relief is None or relief.status == "retired" or relief.region != unit.region:
        return unknown_relief(unit.region)
    return None

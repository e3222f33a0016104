"""The unit that a crew names to take over from it: who may be named, for every door alike."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from actors.domain.paramedic.machine import ON_DUTY
from actors.domain.views.paramedic import ParamedicView


async def refused_relief(
    view: Callable[[str], Awaitable[ParamedicView | None]], unit_id: str, relief_id: str
) -> str | None:
    """What is wrong with `relief_id` as the relief of a unit; None: nothing.

    A relief is told what the crew leaves to say, and a crew that was relieved is not missed: so it
    is another unit of the same region. Of a unit that is not on duty nothing is asked: that is a
    repeat, which its entity answers as it did the first time, or it is refused there.
    """
    unit = await view(unit_id)
    if unit is None or unit.status not in ON_DUTY:
        return None
    relief = None if relief_id == unit_id else await view(relief_id)
    if relief is None or relief.status == "retired" or relief.region != unit.region:
        return f"expected another unit of the region {unit.region}"
    return None

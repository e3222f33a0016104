"""Positions of all units, once a virtual second each, as far as a real network would carry them.

At speed 600 a virtual second is 1.7 ms: nobody's radio sends that. So the rate of the whole fleet
is bounded, and each moving unit sends its newest position as often as that allows; what lies
between is skipped. A unit that stands sends seldom.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final

from web.replay.clock import VirtualClock
from web.replay.device import Device

MOST_PER_S: Final = 100.0
# As often as a crew's device reports on the road, in virtual time.
EVERY_S: Final = 1.0
# A standing unit's position is in its last fact too; this heals what a restart forgot.
STANDING_EVERY_S: Final = 20.0
# No use in sending more often than anybody looks.
SHORTEST_S: Final = 0.1


def interval_s(speed: float, moving: int, shortest_s: float = SHORTEST_S) -> float:
    """Real seconds between two positions of one moving unit."""
    return max(EVERY_S / speed, moving / MOST_PER_S, shortest_s)


async def broadcast(
    devices: Sequence[Device], clock: VirtualClock, shortest_s: float = SHORTEST_S
) -> None:
    """Report for all of them, for ever."""
    loop = asyncio.get_running_loop()
    told_at = dict.fromkeys((device.unit.id for device in devices), loop.time())
    while True:
        moving = sum(device.moving for device in devices)
        pause_s = interval_s(clock.speed, moving, shortest_s)
        began = loop.time()
        for device in devices:
            unit = device.unit.id
            if device.moving or began - told_at[unit] > STANDING_EVERY_S:
                told_at[unit] = began
                device.report()
        await asyncio.sleep(max(SHORTEST_S / 2, pause_s - (loop.time() - began)))

"""The people of a play in the service's records: found again by name, else registered.

So a second run on the same data folder plays with the same units and callers. The
Idempotency-Keys are made of the names, so that a run that is cut in the middle leaves none twice.
"""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import AsyncIterator, Collection, Sequence
from typing import Any, Final
from urllib.parse import urlencode

from actors.fire_calls.fleet import Unit
from web.replay.device import Deployed
from web.replay.door import Door
from web.replay.errors import DoorRefused
from web.replay.several import each

_AT_ONCE: Final = 8
_PAGE: Final = 100
# Numbers that the North American plan keeps for fiction: 555-0100 to 555-0199.
_FICTIONAL: Final = "+1415555{:04d}"


async def enlist_units(
    door: Door, token: str, region: str, play: str, units: Sequence[Unit]
) -> tuple[Deployed, ...]:
    """The units as paramedics of a region, in the order given. Raises ReplayError.

    `play` is the kind of play they belong to; it begins their registration numbers.
    """
    known = {found["name"]: found["id"] for found in await _ours(door, token, region, play)}

    async def enlisted(unit: Unit) -> Deployed:
        id_ = known.get(unit.id)
        if id_ is None:
            body = {
                "name": unit.id,
                "region": region,
                "skills": unit.skills,
                "vehicle": unit.vehicle,
                "registration_number": f"{play}:{unit.id}",
            }
            key = f"{play}:{region}:{unit.id}"
            id_ = (await door.post("/api/paramedics", token, body, key))["id"]
        return Deployed(id=id_, name=unit.id, base=unit.base)

    return await each(enlisted, units, _AT_ONCE)


async def enlist_patients(
    door: Door, token: str, region: str, names: Sequence[str]
) -> tuple[str, ...]:
    """The ids of callers of these names, in the order given. Raises ReplayError."""
    known = {
        found["name"]: found["id"]
        async for found in _all(door, token, "/api/patients", region=region)
    }

    async def enlisted(numbered: tuple[int, str]) -> str:
        number, name = numbered
        if name in known:
            return str(known[name])
        phone = _FICTIONAL.format(100 + number % 100)
        body = {"name": name, "phone": phone, "region": region}
        created = await door.post("/api/patients", token, body, f"play:{region}:{name}")
        return str(created["id"])

    return await each(enlisted, enumerate(names), _AT_ONCE)


async def stand_down(
    door: Door, token: str, region: str, play: str, playing: Collection[str]
) -> None:
    """Off duty with all units of earlier plays but those `playing` (ids).

    A run that was killed leaves its units on duty, and no crew to answer for them: each call would
    wait until they have all let their offers expire. What they were busy with is handed back.
    """

    async def down(unit: dict[str, Any]) -> None:
        path = f"/api/paramedics/{unit['id']}"
        for task in (await door.get(f"{path}/tasks", token))["tasks"]:
            if task["step"] != "pending":
                body = {"action": "hand_back", "reason": "the play it was part of was cut"}
                await _unless_refused(door, token, f"{path}/tasks/{task['id']}", body)
        await _unless_refused(door, token, f"{path}/duty", {"action": "off_duty"})

    left = [
        unit
        for unit in await _ours(door, token, region, play)
        if unit["id"] not in playing and unit["status"] != "off_duty"
    ]
    await each(down, left, _AT_ONCE)


async def _unless_refused(door: Door, token: str, path: str, body: object) -> None:
    # What is refused has settled itself meanwhile.
    with contextlib.suppress(DoorRefused):
        await door.post(path, token, body, secrets.token_hex(8))


async def _ours(door: Door, token: str, region: str, play: str) -> list[dict[str, Any]]:
    """The region's units that plays of this kind have registered."""
    return [
        found
        async for found in _all(door, token, "/api/paramedics", region=region)
        if (found["registration_number"] or "").startswith(f"{play}:")
        and found["status"] not in ("new", "retired")
    ]


async def _all(door: Door, token: str, path: str, **filters: str) -> AsyncIterator[dict[str, Any]]:
    cursor: str | None = None
    while True:
        query = {**filters, "limit": str(_PAGE)} | ({"cursor": cursor} if cursor else {})
        page = await door.get(f"{path}?{urlencode(query)}", token)
        for item in page["items"]:
            yield item
        cursor = page["next"]
        if cursor is None:
            return

"""The people of a play in the service's records: found again by name, else registered.

So a second run on the same data folder plays with the same units and callers. The
Idempotency-Keys are made of the names, so that a run that is cut in the middle leaves none twice.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Any, Final
from urllib.parse import urlencode

from web.replay.device import Deployed
from web.replay.door import Door
from web.replay.fleet import Unit
from web.replay.several import each

_AT_ONCE: Final = 8
_PAGE: Final = 100
# Numbers that the North American plan keeps for fiction: 555-0100 to 555-0199.
_FICTIONAL: Final = "+1415555{:04d}"


async def enlist_units(
    door: Door, token: str, region: str, units: Sequence[Unit]
) -> tuple[Deployed, ...]:
    """The units as paramedics of a region, in the order given. Raises ReplayError."""
    known = {
        found["name"]: found["id"]
        async for found in _all(door, token, "/api/paramedics", region=region)
        if found["status"] != "retired"
    }

    async def enlisted(unit: Unit) -> Deployed:
        id_ = known.get(unit.id)
        if id_ is None:
            body = {
                "name": unit.id,
                "region": region,
                "skills": unit.skills,
                "vehicle": unit.vehicle,
            }
            key = f"play:{region}:{unit.id}"
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

"""Which emergencies a patient and a region have had: what their entities cannot be asked for.

The entry is written before the entity is asked to raise the emergency. Should the second step never
come (this process died, the shard stayed out of reach until the caller gave up), an entry is left
of an emergency that does not exist. Listings ask the entities and drop it; a repeat of the
request under the same Idempotency-Key finds the entry and raises the emergency under its id. The
other way round, an emergency that is on its way but in no patient's history, cannot happen.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection
from typing import Any, Final
from uuid import UUID

from msgspec.structs import asdict

from storage.encryption import Vault
from storage.records import idempotency, query
from storage.records.database import Database
from storage.records.row import EmergencyEntry, Filter, Rows
from storage.records.table import EmergencyIndex

# The usual case in one round trip: the command's first time. Somebody is waiting for an ambulance.
# The entry may be there without its command: a spooled one, replayed after its key was forgotten.
_BEGIN: Final = """
WITH first AS (
    INSERT INTO idempotency (command_id, fingerprint, resource_id, created_at)
    VALUES ({}, {}, {}, {}) ON CONFLICT DO NOTHING RETURNING resource_id, created_at
)
INSERT INTO emergency_index (id, patient_id, region, raised_at)
SELECT resource_id, {}, {}, created_at FROM first ON CONFLICT DO NOTHING RETURNING id
"""

# Emergencies whose patient is remembered: all that are open at a time, some 200 bytes each.
MAX_KNOWN: Final = 10_000


class Emergencies:
    """All methods raise RecordsUnavailable."""

    def __init__(self, database: Database, vault: Vault) -> None:
        self._database = database
        self._vault = vault
        # Whose an emergency is never changes, and is asked for each line of the audit trail about
        # it; the ones asked for longest ago are forgotten.
        self._whose: OrderedDict[str, str] = OrderedDict()

    async def begin(self, entry: EmergencyEntry, command_id: str, print_: bytes) -> EmergencyEntry:
        """The entry this command made, now or before. Raises KeyReused."""
        async with self._database.visit():
            new = await EmergencyIndex.raw(
                _BEGIN,
                command_id,
                idempotency.stored_print(self._vault, print_),
                UUID(entry.id),
                entry.raised_at,
                UUID(entry.patient_id),
                entry.region,
            )
        if new:
            return entry
        async with self._database.transaction():
            known = await idempotency.claim(
                self._vault, command_id, print_, entry.id, entry.raised_at
            )
            if known is None:  # the other one was forgotten, or failed, in between
                await EmergencyIndex.insert(EmergencyIndex(**asdict(entry)))
                return entry
            rows: list[dict[str, Any]] = await EmergencyIndex.select().where(
                EmergencyIndex.id == known
            )
            return _row(rows[0])

    async def patients(self, emergencies: Collection[str]) -> frozenset[str]:
        """Of whom these emergencies are."""
        return frozenset((await self.whose(emergencies)).values())

    async def whose(self, emergencies: Collection[str]) -> dict[str, str]:
        """The patient of each of these emergencies, in their order; not of one that is not known.

        What was asked for a while ago is answered from memory, also while PostgreSQL is away.
        """
        found = {one: self._whose[one] for one in emergencies if one in self._whose}
        if unknown := {one for one in emergencies if one not in found}:
            found |= await self._read_whose(unknown)
        for one, patient_id in found.items():
            self._whose[one] = patient_id
            self._whose.move_to_end(one)
        while len(self._whose) > MAX_KNOWN:
            self._whose.popitem(last=False)
        return {one: found[one] for one in emergencies if one in found}

    async def _read_whose(self, emergencies: Collection[str]) -> dict[str, str]:
        ids = [id_ for one in emergencies if (id_ := _uuid(one)) is not None]
        async with self._database.visit():
            rows: list[dict[str, Any]] = await EmergencyIndex.select(
                EmergencyIndex.id, EmergencyIndex.patient_id
            ).where(EmergencyIndex.id.is_in(ids))
        return {str(row["id"]): str(row["patient_id"]) for row in rows}

    async def list(self, wanted: Filter, limit: int) -> Rows[EmergencyEntry]:
        """By patient, region and time; raised or not."""
        async with self._database.visit():
            where = query.conditions(EmergencyIndex, wanted, born="raised_at")
            rows, more = await query.newest_first(EmergencyIndex, where, limit)
        return Rows(tuple(map(_row, rows)), more)


def _uuid(id_: str) -> UUID | None:
    """None: nothing of ours is called that."""
    try:
        return UUID(id_)
    except ValueError:
        return None


def _row(values: dict[str, Any]) -> EmergencyEntry:
    return EmergencyEntry(
        **{**values, "id": str(values["id"]), "patient_id": str(values["patient_id"])}
    )

"""How a caller stands to a patient at this moment: the facts that its request does not carry.

Relationships come from their table; a doctor's waiting requests from the doctor's entity. Nothing
is kept: what ended a moment ago is not there.
"""

from __future__ import annotations

from typing import Final

from msgspec.structs import replace

from actors.domain.doctor.commands import ViewDoctor
from actors.domain.kernel import EntityRef, Sender, Tie
from actors.domain.relationship import Relationship, standing
from actors.domain.views.doctor import DoctorView
from actors.ports import Clock
from storage.relationships import Relationships
from web.entities import Entities

# All other roles come in by the role alone, or not at all.
_HOLDERS: Final = frozenset({"patient", "doctor", "paramedic"})


class Standing:
    """Raises RecordsUnavailable, and for doctors what `Entities.view` raises."""

    def __init__(self, relationships: Relationships, entities: Entities, clock: Clock) -> None:
        self._relationships = relationships
        self._entities = entities
        self._clock = clock

    async def held(self, caller: Sender) -> tuple[Relationship, ...]:
        """The relationships in force that this caller holds."""
        if caller.role not in _HOLDERS:
            return ()
        return await self._relationships.held(caller.role, caller.subject, self._clock.now())

    async def of(self, caller: Sender, patient_id: str | None = None) -> Sender:
        """The caller with its ties, to this patient at least; no lookup for the patient itself."""
        if caller.role not in _HOLDERS or (caller.role, caller.subject) == ("patient", patient_id):
            return caller
        known = standing(caller, await self.held(caller), self._clock.now())
        if caller.role != "doctor":
            return known
        return replace(known, ties=(*known.ties, *await self._requests(caller.subject)))

    async def _requests(self, doctor_id: str) -> tuple[Tie, ...]:
        """Whoever waits for this doctor."""
        ref = EntityRef("doctor", doctor_id)
        view = await self._entities.view(ref, ViewDoctor(), DoctorView)
        waiting = () if view is None else view.requests
        return tuple(Tie("consultation", request.patient_id) for request in waiting)

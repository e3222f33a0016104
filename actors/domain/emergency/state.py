"""The state of an emergency, and what follows from it alone."""

from __future__ import annotations

from msgspec import Struct
from msgspec.structs import replace

from actors.domain.emergency.machine import ENDED
from actors.domain.emergency.orders import Orders
from actors.domain.hospital.choice import care_needed
from actors.domain.kernel import Role
from actors.domain.messages.card import EmergencyCard
from actors.domain.messages.status import EmergencyStatus
from actors.domain.triage import TriageAnswers
from actors.domain.values import (
    Destination,
    Id,
    Location,
    Note,
    Phone,
    Priority,
    Seconds,
    Skills,
    Vehicles,
)


class Cancellation(Struct, frozen=True):
    """Who cancelled, and why."""

    role: Role
    subject: str
    reason: Note


class Override(Struct, frozen=True):
    """A priority that staff set over triage's, with the reason for the audit."""

    priority: Priority
    previous: Priority
    role: Role
    subject: str
    reason: Note
    at: Seconds


class Emergency(Struct, frozen=True, kw_only=True, gc=False):
    """The state. `revision` counts its events.

    `attempt` is the highest offer number whose fate is known here: that of the current `task`, or
    of the last one released. `times`: when each status was last entered. `eta_at`: when the unit
    is expected on scene, as estimated when it was offered. `destination`: the hospital, once it is
    known. `vehicles`: the types that will do; empty: any. `orders`: of the dispatch desk.
    `raised_at`: when help was asked for, which its age counts from; `entered_at`: when it came
    here, long after where an outage lay between (None: at once).
    """

    id: str
    status: EmergencyStatus = "new"
    revision: int = 0
    patient_id: Id | None = None
    region: str = ""
    location: Location = Location(0.0, 0.0)
    address: Note | None = None
    symptoms: tuple[Note, ...] = ()
    answers: TriageAnswers = TriageAnswers()
    contact_phone: Phone | None = None
    needs: Skills = ()
    priority: Priority = 4
    triage_priority: Priority = 4
    triage_reasons: tuple[str, ...] = ()
    overrides: tuple[Override, ...] = ()
    raised_at: Seconds = 0.0
    entered_at: Seconds | None = None
    unit: Id | None = None
    task: Id | None = None
    attempt: int = 0
    eta_at: Seconds | None = None
    times: dict[str, float] = {}
    cancellation: Cancellation | None = None
    destination: Destination | None = None
    destination_at: Seconds = 0.0
    vehicles: Vehicles = ()
    orders: Orders = Orders()

    @property
    def crew(self) -> tuple[str, ...]:
        """Who is on the case now; of an emergency that is over, nobody any more."""
        if self.ended:
            return ()
        done = self.unit is None or self.orders.primary_done is not None
        primary = () if done or self.unit is None else (self.unit,)
        further = (f.unit for f in self.orders.further if f.live and f.unit is not None)
        return (*primary, *further)

    @property
    def ended(self) -> bool:
        return self.status in ENDED

    def card(self) -> EmergencyCard:
        """What the dispatcher is told."""
        # In two: a call with more than 15 keywords makes a dict of them first, and this is said at
        # each change of each emergency.
        card = EmergencyCard(
            emergency=self.id,
            revision=self.revision,
            status=self.status,
            patient_id=self.patient_id,
            priority=self.priority,
            location=self.location,
            address=self.address,
            needs=self.needs,
            symptoms=self.symptoms,
            raised_at=self.raised_at,
            unit=self.unit,
            vehicles=self.vehicles,
            attempt=self.attempt,
            destination=None if self.destination is None else self.destination.location,
            care=care_needed(self.answers),
        )
        orders = self.orders
        if orders.held is None and orders.staged is None and not orders.further:
            return card
        return replace(
            card,
            held=orders.held is not None,
            staging=None if orders.staged is None else orders.staged.location,
            further=orders.card(),
        )


def wake_at(state: Emergency) -> float | None:
    """When the hold ends by itself."""
    held = state.orders.held
    return None if held is None or state.ended else held.until

"""Everybody who can stand somehow to a patient, and somebody of each kind who does not."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import Awaitable
from dataclasses import dataclass
from typing import Final
from uuid import uuid4

from actors.domain.access import NOTHING_KNOWN, Facts
from actors.domain.doctor.commands import RequestConsultation
from actors.domain.kernel import EntityRef, Role, Sender, Tie, TieKind
from actors.domain.relationship import Relationship
from storage.relationships import Relationships
from tests.integration.web.api import HERE, Api
from tests.integration.web.conftest import Stack
from tests.integration.web.test_emergencies import act, status_of, tasks_of
from tests.waiting import until

NOBODY: Final = "019a0000-0000-7000-8000-000000000000"
WHY: Final = "found unconscious, need to know the allergies"
_HOUR_S: Final = 3600.0


@dataclass(frozen=True, slots=True)
class World:
    """`cast`: who they are to the patient in truth, ties and all, by what they are called.

    `invitation` is for the invited; `link` is the family's.
    """

    patient: str
    emergency: str
    crew: str
    doctor: str
    link: str
    invitation: str
    break_glass: str
    cast: dict[str, Sender]

    def address(self, path: str) -> str:
        """A route's path with this world's things in it; of kinds it has not, nobody's."""
        accepts = path.endswith("/acceptance")
        names = {
            "patient_id": self.patient,
            "emergency_id": self.emergency,
            "paramedic_id": self.crew,
            "doctor_id": self.doctor,
            "task_id": "none",
            "region": "walk",
            "slot": "2",
            "link_id": self.invitation if accepts else self.link,
            "break_glass_id": self.break_glass,
        }
        return path.format_map(defaultdict(lambda: NOBODY, names))

    def facts(self, path: str) -> Facts:
        """What is true of the thing that a route's path names."""
        of_patient = Facts(patient_id=self.patient, crew=(self.crew,))
        if "{link_id}" in path:
            who = "the invited" if path.endswith("/acceptance") else "the family"
            return Facts(patient_id=self.patient, manager=self.cast[who].subject)
        if "{patient_id}" in path or "{emergency_id}" in path:
            return of_patient
        if "{paramedic_id}" in path:
            return Facts(paramedic_id=self.crew)
        if "{doctor_id}" in path:
            return Facts(doctor_id=self.doctor)
        return NOTHING_KNOWN

    def channel(self, namespace: str) -> tuple[str, Facts]:
        """A channel of this namespace about this world's things, and what is true of it."""
        of_patient = Facts(patient_id=self.patient, crew=(self.crew,))
        channels = {
            "emergency": (self.emergency, of_patient),
            "track": (self.emergency, of_patient),
            "patient": (self.patient, of_patient),
            "device": (self.crew, Facts(paramedic_id=self.crew)),
            "inbox": (self.doctor, Facts(doctor_id=self.doctor)),
        }
        subject, facts = channels.get(namespace, ("walk", NOTHING_KNOWN))
        return f"{namespace}:{subject}", facts


def relationships_of(stack: Stack) -> Relationships:
    return Relationships(stack.services.records.database)


async def related(
    stack: Stack,
    kind: TieKind,
    role: Role,
    holder: str,
    patient: str,
    *,
    since_s: float | None = 60.0,
    for_s: float | None = None,
) -> str:
    """A relationship that began so long ago (None: only an invitation) and ends in so long."""
    now = time.time()
    new = Relationship(
        id=str(uuid4()),
        kind=kind,
        role=role,
        holder=holder,
        patient_id=patient,
        begins_at=None if since_s is None else now - since_s,
        ends_at=None if for_s is None else now + for_s,
    )
    return (await relationships_of(stack).link(new, now - 2 * _HOUR_S)).id


async def made(stack: Stack, api: Api) -> World:
    """A new world, all of its things new."""
    region = f"w-{uuid4().hex[:8]}"
    patient, other, crew, released, bystander, doctor, asked, breaker = await asyncio.gather(
        *(_id(api.patient(region=region)) for _ in range(2)),
        *(_id(api.paramedic(region=region)) for _ in range(3)),
        *(_id(api.doctor()) for _ in range(3)),
    )
    emergency = (await api.emergency(patient))["id"]
    await _crewed(api, emergency, released, crew)
    await _ask(stack, api, asked, patient)
    opened = await api.call(
        "POST",
        f"/api/patients/{patient}/break-glass",
        "doctor",
        breaker,
        body={"reason": WHY},
        expect=201,
    )
    family, former, invited, guardian, lapsed, rescuer = (str(uuid4()) for _ in range(6))
    link = await related(stack, "family", "patient", family, patient)
    await related(stack, "family", "patient", former, patient, for_s=-1.0)
    invitation = await related(
        stack, "family", "patient", invited, patient, since_s=None, for_s=_HOUR_S
    )
    await related(stack, "guardian", "patient", guardian, patient)
    await related(stack, "break_glass", "doctor", lapsed, patient, for_s=-1.0)
    await related(stack, "break_glass", "paramedic", rescuer, patient, for_s=_HOUR_S)
    broke = (Tie("break_glass", patient),)
    return World(
        patient=patient,
        emergency=emergency,
        crew=crew,
        doctor=doctor,
        link=link,
        invitation=invitation,
        break_glass=opened.json()["id"],
        cast={
            "the patient": Sender("patient", patient),
            "another patient": Sender("patient", other),
            "the family": Sender("patient", family, (Tie("family", patient),)),
            "the former family": Sender("patient", former),
            "the invited": Sender("patient", invited),
            "the guardian": Sender("patient", guardian, (Tie("guardian", patient),)),
            "the crew": Sender("paramedic", crew),
            "the released crew": Sender("paramedic", released),
            "another crew": Sender("paramedic", bystander),
            "a paramedic who broke the glass": Sender("paramedic", rescuer, broke),
            "the doctor": Sender("doctor", doctor),
            "the asked doctor": Sender("doctor", asked, (Tie("consultation", patient),)),
            "a doctor who broke the glass": Sender("doctor", breaker, broke),
            "a doctor whose time is up": Sender("doctor", lapsed),
            "ops": Sender("ops", "walk"),
            "admin": Sender("admin", "walk"),
            "auditor": Sender("auditor", "walk"),
        },
    )


async def _id(making: Awaitable[dict[str, str]]) -> str:
    return (await making)["id"]


async def _crewed(api: Api, emergency: str, first: str, second: str) -> None:
    """The first unit takes the emergency and hands it back; the second has it now."""
    for unit in (first, second):
        on = {"action": "on_duty", "position": HERE}
        path = f"/api/paramedics/{unit}/duty"
        await api.call("POST", path, "paramedic", unit, body=on, expect=200)

        async def offered(unit: str = unit) -> bool:
            return bool(await tasks_of(api, unit))

        await until(offered)
        (task,) = await tasks_of(api, unit)
        await act(api, unit, task["id"], action="accept")
        if unit == first:
            await act(api, unit, task["id"], action="hand_back", reason="flat tyre")

    async def assigned() -> bool:
        return await status_of(api, emergency) == "assigned"

    await until(assigned)


async def _ask(stack: Stack, api: Api, doctor: str, patient: str) -> None:
    """The patient waits for this doctor."""
    path = f"/api/doctors/{doctor}/duty"
    await api.call("POST", path, "doctor", doctor, body={"action": "on_duty"}, expect=200)
    await stack.services.router.ask(
        EntityRef("doctor", doctor),
        RequestConsultation(patient_id=patient, priority=3, reason="a cough"),
        id=uuid4().hex,
        by=Sender("patient", patient),
    )

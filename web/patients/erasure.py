"""Erasing patients: some time after DELETE their data key is destroyed, and with it all of theirs.

The setting `erasure_hold_days` says how long after. Every web worker looks now and then for those
whose time has come; that several do it at once does no harm. Whoever is on the way to a patient
must be able to read where: nobody is erased while an emergency of theirs is live.

The trail has a line of it, `patient.erase`, durable before anything is destroyed: "begun", and
"allowed" once it is done. Without the first there is no erasure; where only that is found, a
process fell between the two, and the next look does it again.
"""

from __future__ import annotations

import asyncio
import logging
from datetime import timedelta
from typing import Final

from actors.domain.emergency.commands import ViewEmergency
from actors.domain.emergency.machine import ENDED
from actors.domain.kernel import EntityRef, Sender
from actors.domain.views.emergency import EmergencyDetail
from actors.errors import RuntimeFault
from actors.ports import Clock
from storage.audit import AuditEntry, AuditTrail, AuditUnavailable, Outcome
from storage.records import Records, RecordsUnavailable
from storage.records.row import Filter
from web.accounts.ending import SubjectAccounts
from web.entities import Entities
from web.times import moment

log = logging.getLogger(__name__)

# What is due was due for days (the setting): a minute more matters to nobody, for one small query.
LOOK_EVERY_S: Final = 60.0
PAGE: Final = 100
_BY: Final = Sender("system", "erasure")


class Erasure:
    """`hold_days`: from DELETE until the key is destroyed."""

    def __init__(
        self,
        records: Records,
        entities: Entities,
        clock: Clock,
        hold_days: float,
        accounts: SubjectAccounts,
        trail: AuditTrail,
    ) -> None:
        self._records = records
        self._entities = entities
        self._clock = clock
        self._hold = timedelta(days=hold_days)
        self._accounts = accounts
        self._trail = trail

    async def delete(self, patient_id: str) -> None:
        """Hide the record now, and erase it when its time has come, which may be now as well.

        Raises NoSuchRecord, RecordsUnavailable, AuditUnavailable; after the latter two a repeat, or
        the next look, does what was not done.
        """
        # Before the record: a repeat finds that deleted, and would leave the account be.
        await self._accounts.disable_subject("patient", patient_id, _BY, "record-deleted")
        now = moment(self._clock.now())
        await self._records.patients.delete(patient_id, now, now + self._hold)
        if not self._hold:
            await self._erase(patient_id)

    async def run(self) -> None:
        """Erase whoever is due, until cancelled."""
        while True:
            await self._clock.sleep(LOOK_EVERY_S)
            try:
                await self.erase_due()
            except (RecordsUnavailable, AuditUnavailable, RuntimeFault) as error:
                log.warning("due erasures wait: %s", error)

    async def erase_due(self) -> int:
        """How many were erased."""
        due = await self._records.patients.to_erase(moment(self._clock.now()), PAGE)
        return sum([await self._erase(patient_id) for patient_id in due])

    async def _erase(self, patient_id: str) -> bool:
        if await self._live(patient_id):
            log.info("patient %s is erased later: an emergency of theirs is live", patient_id)
            return False
        await self._trail.record_now(self._line(patient_id, "begun"))
        await self._accounts.erase_subject("patient", patient_id, _BY)
        await self._records.patients.erase(patient_id, moment(self._clock.now()))
        # It is done: that its end cannot be written down now undoes nothing.
        self._trail.offer(self._line(patient_id, "allowed"))
        return True

    def _line(self, patient_id: str, outcome: Outcome) -> AuditEntry:
        return AuditEntry(
            at=self._clock.now(),
            role=_BY.role,
            subject=_BY.subject,
            action="patient.erase",
            outcome=outcome,
            kind="patient",
            id=patient_id,
            patients=(patient_id,),
        )

    async def _live(self, patient_id: str) -> bool:
        before: str | None = None
        while True:
            wanted = Filter(patient_id=patient_id, before=before)
            page = await self._records.emergencies.list(wanted, PAGE)
            views = await asyncio.gather(
                *(
                    self._entities.view(
                        EntityRef("emergency", row.id), ViewEmergency(), EmergencyDetail
                    )
                    for row in page.rows
                )
            )
            if any(one is not None and one.status not in ENDED for one in views):
                return True
            if not page.more:
                return False
            before = page.rows[-1].id

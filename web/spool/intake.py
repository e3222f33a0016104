"""Where calls for help come in: straight to the emergency's entity, or else into the spool.

What is decided without the database, while it is away:
- who calls, and in which role, the token says; its signature is checked here;
- the patient may raise his own emergencies and staff anybody's. Whoever may only by a relationship
  (a family account) cannot be told from a stranger then, and is answered 503, as for all else;
- whether the patient exists and was not deleted, and whether the account was disabled meanwhile,
  shows at the replay: such an emergency becomes a dead letter, which staff see;
- the region and the phone that the caller did not name are those of the patient's record then.

A patient of whom something waits in the spool gets in line behind it, so that what was said first
is raised first. A command that was answered by the spool is answered the same ever after.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Protocol

import msgspec

from actors.domain.access import Facts, may
from actors.domain.ids import derive_id
from actors.domain.kernel import Sender
from actors.domain.timestamp import rfc3339
from actors.domain.views.emergency import EmergencyDetail, EmergencyView
from actors.ports import Clock
from storage.records.idempotency import fingerprint
from storage.spool import SpoolFull, SpoolUnavailable, Standing
from web.emergencies.schemas import RaiseBody
from web.emergencies.service import Made, checked_phone
from web.problems import RETRY_AFTER, ProblemError
from web.spool.away import AWAY, within
from web.spool.schemas import EmergencyLogged
from web.spool.store import ANSWER_S, Call, SpoolStore

log = logging.getLogger(__name__)


class StraightWay(Protocol):
    """web.emergencies.service.EmergencyService."""

    async def raise_(
        self,
        caller: Sender,
        patient_id: str,
        body: RaiseBody,
        command_id: str,
        made: Made | None = None,
    ) -> EmergencyView: ...

    async def get(self, caller: Sender, emergency_id: str) -> EmergencyDetail: ...


class EmergencyIntake:
    """`after_s`: how long the straight way may take. Without a store there is no other way."""

    def __init__(
        self,
        emergencies: StraightWay,
        store: SpoolStore | None,
        clock: Clock,
        after_s: float,
    ) -> None:
        self._emergencies = emergencies
        self._store = store
        self._clock = clock
        self._after_s = after_s

    async def raise_(
        self, caller: Sender, patient_id: str, body: RaiseBody, command_id: str
    ) -> EmergencyView | EmergencyLogged:
        """Raised, or on this machine's disk. Raises what `EmergencyService.raise_` does but for
        "not now", and SpoolError where the disk does not take it either."""
        proved = may(caller, "emergency.raise", Facts(patient_id=patient_id))
        if self._store is None or not proved:
            return await self._emergencies.raise_(caller, patient_id, body, command_id)
        checked_phone(body)
        print_ = fingerprint(command_id, msgspec.json.encode(body))
        # From now on it is old, not from when its key was first shown: whoever shows keys ahead
        # gains nothing by it.
        now = self._clock.now()
        standing = await self._standing(self._store, command_id, print_, patient_id, now)
        if standing.logged:
            return _logged(standing.emergency_id, patient_id, standing.at)
        if not standing.behind:
            made = Made(standing.emergency_id, now)
            straight = self._emergencies.raise_(caller, patient_id, body, command_id, made)
            try:
                return await within(self._after_s, straight)
            except AWAY as error:
                log.warning(
                    "emergency %s goes to the spool: %s",
                    made.id,
                    str(error) or type(error).__name__,
                )
        call = Call(caller.role, caller.subject, patient_id, body)
        waiting = await self._store.append(command_id, print_, standing.emergency_id, now, call)
        return _logged(waiting.emergency_id, patient_id, waiting.at)

    async def get(self, caller: Sender, emergency_id: str) -> EmergencyDetail:
        """Raises what `EmergencyService.get` does; of one that waits in the spool, for whom it is
        by the token, that it is not raised yet."""
        try:
            return await self._emergencies.get(caller, emergency_id)
        except (ProblemError, *AWAY):
            waiting = None if self._store is None else await self._store.find(emergency_id)
            if waiting is None:
                raise
            if not may(caller, "emergency.view", Facts(patient_id=waiting.patient_id)):
                raise
            raise not_raised_yet() from None

    async def _standing(
        self, store: SpoolStore, command_id: str, print_: bytes, patient_id: str, now: float
    ) -> Standing:
        new_id = derive_id(now, command_id, "emergency")
        try:
            async with asyncio.timeout(ANSWER_S):
                return await store.claim(command_id, print_, new_id, patient_id, now)
        except (SpoolFull, SpoolUnavailable, TimeoutError) as error:
            log.warning("the spool was not asked: %s", str(error) or type(error).__name__)
            return Standing(new_id, now, logged=False, behind=False)


def not_raised_yet() -> ProblemError:
    """It is known here, and nowhere else so far."""
    detail = "this emergency is logged, and is raised as soon as it can be; ask again"
    return ProblemError(503, "not-raised-yet", detail, headers={"Retry-After": RETRY_AFTER})


def _logged(emergency_id: str, patient_id: str, at: float) -> EmergencyLogged:
    return EmergencyLogged(id=emergency_id, patient_id=patient_id, received_at=rfc3339(at))

"""Replays the spool: one worker of the machine does, the others stand by to take over.

Each patient's emergencies go one after the other, oldest first; patients do not wait for each
other. One that cannot be raised yet is tried again, after a pause that grows.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Final

from actors.domain.timestamp import rfc3339
from actors.ports import Clock
from storage.audit import AuditEntry, AuditTrail
from storage.spool import Spooled, SpoolError, Waiting
from storage.spool.lock import FileLock
from web.spool.away import AWAY
from web.spool.store import SpoolStore

log = logging.getLogger(__name__)

# Half of it, on average, is added to an emergency's wait; a look takes the spool's lock and reads
# what others wrote since.
LOOK_EVERY_S: Final = 0.25
# The first as short as that look, for what was only busy; the last so long that an outage of hours
# costs nothing, and its end is noticed soon.
PAUSES_S: Final = (0.25, 0.5, 1.0, 2.0, 4.0)
# What has just come back is not to be run over.
AT_ONCE: Final = 8
# A fault of ours may pass; one that does not must not keep the patient's next emergency waiting.
FAULTS: Final = 5
FAULT: Final = "internal-error"


class Replayer:
    """`reraise` answers None where the emergency is raised, else why it never can be, and raises
    one of `AWAY` for "not yet"."""

    def __init__(
        self,
        store: SpoolStore,
        lock: FileLock,
        reraise: Callable[[Spooled], Awaitable[str | None]],
        audit: AuditTrail,
        clock: Clock,
    ) -> None:
        self._store = store
        self._lock = lock
        self._reraise = reraise
        self._audit = audit
        self._clock = clock
        self._room = asyncio.Semaphore(AT_ONCE)
        # By patient: whoever is being worked on.
        self._lines: dict[str, asyncio.Task[None]] = {}

    async def run(self) -> None:
        """Until cancelled."""
        try:
            while True:
                try:
                    if self._lock.take():
                        await self._look()
                except (SpoolError, OSError) as error:
                    log.warning("the spool cannot be replayed: %s", error)
                await self._clock.sleep(LOOK_EVERY_S)
        finally:
            for task in self._lines.values():
                task.cancel()
            await asyncio.gather(*self._lines.values(), return_exceptions=True)
            self._lock.close()

    async def _look(self) -> None:
        """Begin with the patients who wait and are not being worked on."""
        lines: dict[str, list[Waiting]] = {}
        for one in await self._store.waiting():
            lines.setdefault(one.patient_id, []).append(one)
        for patient, line in lines.items():
            if patient not in self._lines:
                task = asyncio.create_task(self._line(line))
                self._lines[patient] = task
                task.add_done_callback(partial(self._ended, patient))

    def _ended(self, patient: str, _: asyncio.Task[None]) -> None:
        del self._lines[patient]

    async def _line(self, line: Sequence[Waiting]) -> None:
        for one in line:
            await self._settle(one)

    async def _settle(self, one: Waiting) -> None:
        """Return when this emergency waits no more."""
        tries = faults = 0
        while True:
            try:
                async with self._room:
                    return await self._attempt(one, given_up=faults >= FAULTS)
            except AWAY as error:
                log.info("emergency %s waits: %s", one.emergency_id, type(error).__name__)
            except SpoolError as error:
                log.warning("emergency %s waits: %s", one.emergency_id, error)
            except Exception:  # a fault of ours: counted below, and after FAULTS staff see it
                log.exception("emergency %s could not be replayed", one.emergency_id)
                faults += 1
            await self._clock.sleep(PAUSES_S[min(tries, len(PAUSES_S) - 1)])
            tries += 1

    async def _attempt(self, one: Waiting, *, given_up: bool) -> None:
        spooled = await self._store.spooled(one)
        if spooled is None:
            return
        reason = FAULT if given_up else await self._reraise(spooled)
        now = self._clock.now()
        if reason is None:
            await self._store.settle(one)
            self._audit.offer(_raised(one, now))
            log.warning(
                "emergency %s was raised %.1f s after it came in", one.emergency_id, now - one.at
            )
        else:
            await self._store.bury(one, reason, now)
            self._audit.offer(_dead(one, reason, now))
            log.error(
                "emergency %s of patient %s can never be raised: %s; it is among the dead letters",
                one.emergency_id,
                one.patient_id,
                reason,
            )


def _raised(one: Waiting, now: float) -> AuditEntry:
    """Of what lay between the call and the step that its entity has a line of."""
    return AuditEntry(
        at=now,
        role="system",
        subject="spool",
        action="emergency.replay",
        outcome="allowed",
        kind="emergency",
        id=one.emergency_id,
        patients=(one.patient_id,),
        details={"received_at": rfc3339(one.at), "waited_s": round(now - one.at)},
    )


def _dead(one: Waiting, reason: str, now: float) -> AuditEntry:
    """Of what was accepted and came to nothing."""
    return AuditEntry(
        at=now,
        role="system",
        subject="spool",
        action="emergency.raise",
        outcome="failed",
        kind="emergency",
        id=one.emergency_id,
        patients=(one.patient_id,),
        reason=reason,
        details={"received_at": rfc3339(one.at)},
    )

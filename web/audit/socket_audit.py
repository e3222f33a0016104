"""Puts into the trail what was decided, done and shown on sockets.

Neither waits nor fails by it: whoever follows an emergency is not to be cut off from it, and who is
refused is refused anyway. Whose an emergency is must be looked up, and what somebody wrote must be
sealed: such lines gather while one look-up is under way, and the next is for all of them.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import Final

from msgspec.structs import replace

from actors.ports import Clock
from storage.audit import AuditEntry, AuditTrail
from storage.encryption import Vault
from storage.records import RecordsUnavailable
from web.access.decision import Decision
from web.audit.line import socket_entry
from web.audit.note import order_note

log = logging.getLogger(__name__)

Whose = Callable[[Collection[str]], Awaitable[Mapping[str, str]]]
"""The patient of each of these emergencies, where it is known. Raises RecordsUnavailable."""

# Lines that wait to be completed, about 1 KB each. Over that they go as they are.
MAX_WAITING: Final = 10_000
MAX_BATCH: Final = 500
# PostgreSQL being away, the trail itself waits for it: nothing is gained by asking more often.
AGAIN_S: Final = 1.0
CLOSE_WITHIN_S: Final = 3.0


class SocketAudit:
    """`web.access.decision.Told`. What waits when it is closed is in the trail without patients,
    and names its emergency."""

    def __init__(self, trail: AuditTrail, clock: Clock, vault: Vault, whose: Whose) -> None:
        self._trail = trail
        self._clock = clock
        self._vault = vault
        self._whose = whose
        self._waiting: deque[tuple[AuditEntry, Decision]] = deque()
        self._task: asyncio.Task[None] | None = None

    def __call__(self, decision: Decision) -> None:
        about = {"emergency": decision.emergencies[0]} if decision.emergencies else {}
        entry = socket_entry(
            decision.identity,
            self._clock.now(),
            decision.action,
            decision.outcome,
            kind=decision.kind,
            id=decision.id,
            patients=decision.patients,
            reason="not-related" if decision.outcome == "denied" else "",
            details={**decision.details, **about},
        )
        if not decision.emergencies or len(self._waiting) >= MAX_WAITING:
            self._trail.offer(entry)
            return
        self._waiting.append((entry, decision))
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._complete_all(), name="socket-audit")

    async def close(self) -> None:
        """Nothing is told any more. Gives what waits a last chance to be completed."""
        if self._task is not None:
            await asyncio.wait({self._task}, timeout=CLOSE_WITHIN_S)
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        while self._waiting:
            self._trail.offer(self._waiting.popleft()[0])

    async def _complete_all(self) -> None:
        while self._waiting:
            batch = [self._waiting[n] for n in range(min(len(self._waiting), MAX_BATCH))]
            named = {one for _, decision in batch for one in decision.emergencies}
            try:
                whose = await self._whose(named)
            except RecordsUnavailable as error:
                log.warning("whose the emergencies of devices are is looked up later: %s", error)
                await self._clock.sleep(AGAIN_S)
                continue
            for entry, decision in batch:
                whole = await self._completed(entry, decision, whose)
                # Taken off only now: who closes us meanwhile finds it waiting still.
                self._waiting.popleft()
                self._trail.offer(whole)

    async def _completed(
        self, entry: AuditEntry, decision: Decision, whose: Mapping[str, str]
    ) -> AuditEntry:
        found = [whose[one] for one in decision.emergencies if one in whose]
        patients = tuple(dict.fromkeys((*decision.patients, *found)))
        note = None
        if decision.written and decision.emergencies[0] in whose:
            note = await order_note(self._vault, patients, decision.written)
        return replace(entry, patients=patients, note=note)

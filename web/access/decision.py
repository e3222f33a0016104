"""What was decided on sockets, for the audit trail. REST notes its own with each request."""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct

from actors.domain.kernel import Sender
from actors.ports import Clock
from storage.audit import AuditEntry, AuditTrail


class Decision(Struct, frozen=True):
    """May `who` do `action` to the thing of this kind and id? `patient_id`: whose, where known."""

    who: Sender
    action: str
    kind: str
    id: str
    allowed: bool
    patient_id: str | None = None


Told = Callable[[Decision], None]


def untold(_decision: Decision) -> None:
    """For a service that keeps no audit."""


class SocketAudit:
    """Puts decisions into the trail. Neither waits for it nor fails by it: whoever follows an
    emergency is not to be cut off from it, and who is refused is refused anyway."""

    def __init__(self, audit: AuditTrail, clock: Clock) -> None:
        self._audit = audit
        self._clock = clock

    def __call__(self, decision: Decision) -> None:
        self._audit.offer(
            AuditEntry(
                at=self._clock.now(),
                role=decision.who.role,
                subject=decision.who.subject,
                action=decision.action,
                outcome="allowed" if decision.allowed else "denied",
                kind=decision.kind,
                id=decision.id,
                patients=() if decision.patient_id is None else (decision.patient_id,),
                reason="" if decision.allowed else "not-related",
            )
        )

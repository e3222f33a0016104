"""The accounts' lines in the audit trail: durable before anybody is answered.

Who did not log in has no name: lines of failures say which account was tried, by its id, never by
the address that was typed.
"""

from __future__ import annotations

from typing import Final

from actors.domain.kernel import Sender
from actors.ports import Clock
from storage.accounts.row import AccountRow
from storage.audit import ANONYMOUS, AuditEntry, AuditTrail, Outcome
from web.accounts.origin import Origin

NOWHERE: Final = Origin()


class AccountTrail:
    """Raises AuditUnavailable: what cannot be audited does not happen."""

    def __init__(self, trail: AuditTrail, clock: Clock) -> None:
        self._trail = trail
        self._clock = clock

    async def record(
        self,
        action: str,
        origin: Origin,
        account: AccountRow | None,
        *,
        by: Sender | None = None,
        outcome: Outcome = "allowed",
        reason: str = "",
        session_id: str = "",
    ) -> None:
        """Durable when it returns. `by`: who did it to the account; its owner where it was done,
        or nobody where it failed. `reason` is a code, never what somebody wrote.
        """
        entry = self._entry(action, origin, account, by, outcome, reason, session_id)
        await self._trail.record_now(entry)

    def offer(
        self, action: str, origin: Origin, account: AccountRow | None, *, reason: str
    ) -> None:
        """A refusal that cost nothing: its line neither, and it is refused in any case."""
        self._trail.offer(self._entry(action, origin, account, None, "denied", reason, ""))

    def _entry(
        self,
        action: str,
        origin: Origin,
        account: AccountRow | None,
        by: Sender | None,
        outcome: Outcome,
        reason: str,
        session_id: str,
    ) -> AuditEntry:
        if by is None and account is not None and outcome == "allowed":
            by = Sender(account.role, account.subject or account.id)
        return AuditEntry(
            at=self._clock.now(),
            role=by.role if by is not None else ANONYMOUS,
            subject=by.subject if by is not None else "",
            action=action,
            outcome=outcome,
            kind="account",
            id=account.id if account is not None else "",
            patients=_patients(account),
            reason=reason,
            address=origin.address,
            request_id=origin.request_id,
            details={"session": session_id} if session_id else {},
        )


def _patients(account: AccountRow | None) -> tuple[str, ...]:
    if account is None or account.role != "patient" or not account.subject:
        return ()
    return (account.subject,)

"""What other resources need of the accounts: that they end with those they speak for."""

from __future__ import annotations

from typing import Protocol

from actors.domain.kernel import Sender
from storage.accounts.row import AccountRole


class SubjectAccounts(Protocol):
    """web.accounts.service.Accounts. Both may be repeated, and say whether there was one to end.

    Raise RecordsUnavailable and AuditUnavailable: call them before what makes a repeat a no-op.
    """

    async def disable_subject(
        self, role: AccountRole, subject: str, by: Sender, reason: str
    ) -> bool: ...

    async def erase_subject(self, role: AccountRole, subject: str, by: Sender) -> bool: ...

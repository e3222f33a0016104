"""The life of an account, as a table.

Only an active account logs in. One that is disabled comes back to where it was: `enable` where its
address of mail was proved, else `reinstate`, and its owner must be sent a new link.
"""

from __future__ import annotations

from typing import Final

from actors.domain.machine import Machine
from storage.accounts.row import AccountRole, AccountRow, AccountStatus

ACCOUNT: Final = Machine(
    "account",
    {
        ("invited", "invite"): "invited",
        ("invited", "accept"): "active",
        ("invited", "disable"): "disabled",
        ("unverified", "sign_up"): "unverified",
        ("unverified", "verify"): "active",
        ("unverified", "disable"): "disabled",
        ("active", "disable"): "disabled",
        ("disabled", "enable"): "active",
        ("disabled", "reinstate:staff"): "invited",
        ("disabled", "reinstate:patient"): "unverified",
    },
)

# Who may not be without a second factor: they see other people's records.
STAFF: Final[frozenset[AccountRole]] = frozenset({"paramedic", "doctor", "ops", "admin", "auditor"})


def after(account: AccountRow, trigger: str) -> AccountStatus:
    """The status it leads to. Raises DomainError `impossible_transition`."""
    return ACCOUNT.next(account.status, trigger)  # type: ignore[return-value]  # of its table, which is of str


def return_of(account: AccountRow) -> str:
    """The trigger that lets a disabled account in again."""
    if account.verified_at is not None:
        return "enable"
    return "reinstate:staff" if account.role in STAFF else "reinstate:patient"

"""What the services of the accounts are made of."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlencode
from uuid import UUID

from actors.domain.ids import uuid7
from actors.ports import Clock
from storage.accounts import AccountStore
from storage.accounts.row import AccountRole, AccountRow, AccountStatus
from web.accounts.attempts import Attempts
from web.accounts.password import Passwords
from web.accounts.trail import AccountTrail
from web.mail.mailer import Mailer
from web.times import moment


@dataclass(frozen=True, slots=True)
class Parts:
    """`public_url`: what links begin with, without a slash at its end."""

    store: AccountStore
    mailer: Mailer
    trail: AccountTrail
    attempts: Attempts
    passwords: Passwords
    clock: Clock
    public_url: str

    @property
    def now(self) -> datetime:
        return moment(self.clock.now())

    def new_id(self) -> str:
        return uuid7(self.clock.now(), secrets.randbits(74))

    def new_account(self, role: AccountRole, status: AccountStatus, email: str) -> AccountRow:
        """In its first status: without a password, a second factor, and a subject."""
        now = self.now
        return AccountRow(
            id=self.new_id(),
            role=role,
            subject="",
            status=status,
            email=email,
            password=None,
            totp=None,
            totp_offered=None,
            totp_offered_at=None,
            totp_step=0,
            created_at=now,
            updated_at=now,
            verified_at=None,
        )

    def link(self, purpose: str, token: str) -> str:
        """To the page that posts it. In the fragment, which browsers send to nobody: not to us, so
        it is in no log, and not as a referrer; and no scanner of mail uses it up by looking."""
        return f"{self.public_url}/account#{urlencode({purpose: token})}"

    @property
    def page(self) -> str:
        """Where one logs in."""
        return f"{self.public_url}/account"


def mail_id(command_id: str) -> UUID:
    """Of the letter that a request leads to: repeated with its key, it writes no second one."""
    return UUID(hex=command_id)

"""Word by mail to whoever is invited to act for a patient.

Written after the inviter was answered (web/mail/request.py): the same is done whether the invited
has an account, or exists.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Protocol
from urllib.parse import urlencode
from uuid import UUID

from msgspec import Struct

from actors.ports import Clock
from storage.accounts.row import AccountRole, AccountRow
from storage.relationships import Relationships
from web.mail.letter import FamilyInvitation, kind_of
from web.mail.mailer import Mailer
from web.mail.request import Write, letter_id

_PURPOSE: Final = "family"


class Accounts(Protocol):
    """web.accounts.service.Accounts."""

    async def subject_account(self, role: AccountRole, subject: str) -> AccountRow | None: ...


class FamilyInvited(Struct, frozen=True, kw_only=True):
    """The link of this id was made, and waits to be accepted."""

    link_id: str


class FamilyLetters:
    """`public_url`: what links begin with, without a slash at its end."""

    def __init__(
        self,
        relationships: Relationships,
        accounts: Accounts,
        mailer: Mailer,
        clock: Clock,
        public_url: str,
    ) -> None:
        self._relationships = relationships
        self._accounts = accounts
        self._mailer = mailer
        self._clock = clock
        self._public_url = public_url

    def writers(self) -> Mapping[type[Struct], Write]:
        return {FamilyInvited: self._invitation}

    async def _invitation(self, asked: FamilyInvited, id_: UUID) -> None:
        """To the account of the invited, unless the invitation is over by now. Raises
        RecordsUnavailable."""
        now = self._clock.now()
        link = await self._relationships.get(asked.link_id)
        if link is None or link.begins_at is not None or link.ends_at is None:
            return
        account = await self._accounts.subject_account("patient", link.holder)
        if link.ends_at <= now or account is None or account.status != "active":
            return
        letter = FamilyInvitation(
            link=f"{self._public_url}/account#{urlencode({_PURPOSE: link.id})}",
            valid_s=link.ends_at - now,
        )
        await self._mailer.queue(account.email, letter, mail_id=letter_id(id_, kind_of(letter)))

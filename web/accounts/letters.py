"""What the accounts write once whoever asked has been answered: by then it is looked up who has an
account, and time tells nothing.

Each writes its line in the audit trail first, with the account's id; the request itself stands in
the trail as nobody's.

A mailbox is sent only so much a day, whoever asks (link.py). Nobody is refused for it and nobody is
told: what is left out is left out here, while a link of the same purpose can be used.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final
from uuid import UUID, uuid5

from msgspec import Struct

from actors.domain.kernel import Sender
from storage.accounts.accounts import AddressTaken
from storage.accounts.row import AccountRow
from web.accounts.link import enough, make
from web.accounts.origin import Origin
from web.accounts.parts import Parts
from web.mail.letter import (
    AccountExists,
    ConfirmNewEmail,
    EmailChangeRequested,
    Letter,
    ResetPassword,
    VerifyEmail,
    kind_of,
)
from web.mail.request import Write, letter_id

# A mailbox is looked into once a day. A link that sets a password is a password meanwhile, and
# whoever asked for it waits for it.
VERIFY_VALID_S: Final = 24 * 3600.0
RESET_VALID_S: Final = 3600.0
CHANGE_VALID_S: Final = 24 * 3600.0

_BY: Final = Sender("system", "accounts")


class SignUpAsked(Struct, frozen=True, kw_only=True):
    """Somebody wants an account at this address. `waiting`: what it begins with once the address is
    proved. `address` and `request_id` as in `Origin`, here and below."""

    email: str
    waiting: bytes
    address: str
    request_id: str


class ResetAsked(Struct, frozen=True, kw_only=True):
    """Somebody forgot the password of whatever account has this address."""

    email: str
    address: str
    request_id: str


class EmailChangeAsked(Struct, frozen=True, kw_only=True):
    """An account's owner wants another address for it; at `at`, Unix seconds."""

    account_id: str
    email: str
    at: float
    address: str
    request_id: str


Asked = SignUpAsked | ResetAsked | EmailChangeAsked


class AccountLetters:
    """Its writers raise RecordsUnavailable and AuditUnavailable; all may be repeated."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._store = parts.store

    def writers(self) -> Mapping[type[Struct], Write]:
        return {
            SignUpAsked: self._sign_up,
            ResetAsked: self._reset,
            EmailChangeAsked: self._email_change,
        }

    async def _sign_up(self, asked: SignUpAsked, id_: UUID) -> None:
        try:
            await self._verification(asked, id_)
        except AddressTaken:  # another request with this address was first: now it is known
            await self._verification(asked, id_)

    async def _verification(self, asked: SignUpAsked, id_: UUID) -> None:
        async with self._store.transaction():
            account = await self._store.accounts.by_email(asked.email, lock=True)
            if account is None:
                account = self._parts.new_account("patient", "unverified", asked.email)
                await self._store.accounts.add(account)
            if account.status == "active":
                await self._account_exists(account, account, asked)
            if account.status != "unverified":
                return
            network = _origin(asked).network
            if await enough(self._parts, account.id, "verify", network):
                await self._left_out(account, asked)
                return
            link = await make(
                self._parts,
                account.id,
                "verify",
                VERIFY_VALID_S,
                asked.waiting,
                counted_as=network,
            )
            letter = VerifyEmail(link=link, valid_s=VERIFY_VALID_S)
            await self._queue(asked.email, letter, account, asked, id_)

    async def _reset(self, asked: ResetAsked, id_: UUID) -> None:
        async with self._store.transaction():
            account = await self._store.accounts.by_email(asked.email, lock=True)
            if account is None or account.status != "active":
                return
            network = _origin(asked).network
            if await enough(self._parts, account.id, "reset", network):
                await self._left_out(account, asked)
                return
            link = await make(self._parts, account.id, "reset", RESET_VALID_S, counted_as=network)
            letter = ResetPassword(link=link, valid_s=RESET_VALID_S, address=asked.address)
            await self._queue(account.email, letter, account, asked, id_)

    async def _email_change(self, asked: EmailChangeAsked, id_: UUID) -> None:
        """A link to the new address, word to the old one. One that has an account already is sent
        something else."""
        async with self._store.transaction():
            account = await self._store.accounts.by_id(asked.account_id, lock=True)
            if account is None or account.status != "active":
                return
            other = await self._store.accounts.by_email(asked.email)
            if other is not None:
                await self._account_exists(other, account, asked)
            elif await enough(self._parts, account.id, "email", asked.email):
                await self._left_out(account, asked)
                return
            else:
                link = await make(
                    self._parts,
                    account.id,
                    "email",
                    CHANGE_VALID_S,
                    asked.email.encode(),
                    counted_as=asked.email,
                )
                letter = ConfirmNewEmail(link=link, valid_s=CHANGE_VALID_S)
                await self._queue(asked.email, letter, account, asked, id_)
            word = EmailChangeRequested(at=asked.at)
            await self._queue(account.email, word, account, asked, id_)

    async def _account_exists(self, its: AccountRow, account: AccountRow, asked: Asked) -> None:
        """To the address of `its`, which `account` wants, or whoever signed up with it. It has no
        link that ends, and one a day says it all: the day names the letter."""
        day = int(self._parts.clock.now() // 86_400)
        once = uuid5(UUID(its.id), f"day {day}")
        letter = AccountExists(link=self._parts.page)
        await self._queue(its.email, letter, account, asked, once)

    async def _queue(
        self, to: str, letter: Letter, account: AccountRow, asked: Asked, id_: UUID
    ) -> None:
        kind = kind_of(letter)
        await self._parts.trail.record(
            "account.letter", _origin(asked), account, by=_BY, reason=kind
        )
        await self._parts.mailer.queue(to, letter, mail_id=letter_id(id_, kind))

    async def _left_out(self, account: AccountRow, asked: Asked) -> None:
        await self._parts.trail.record(
            "account.letter", _origin(asked), account, by=_BY, outcome="denied", reason="enough"
        )


def _origin(asked: Asked) -> Origin:
    return Origin(address=asked.address, request_id=asked.request_id)

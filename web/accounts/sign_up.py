"""Patients sign up: an address that proves to be theirs becomes an account and a patient's record.

The answer is the same whether the address has an account or not; what is different goes to the
mailbox. Password, name and telephone wait with the link they were sent with, so a stranger who
signs up with somebody's address first leaves nothing behind in the account its owner makes.
"""

from __future__ import annotations

from hashlib import sha256
from typing import Final, Protocol

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from actors.domain.kernel import Sender
from storage.accounts.accounts import AddressTaken
from storage.accounts.row import AccountRow
from web.accounts.account_machine import after
from web.accounts.address import checked
from web.accounts.errors import link_ended, weak_password
from web.accounts.link import follow, make, use
from web.accounts.origin import Origin
from web.accounts.parts import Parts, mail_id
from web.accounts.strength import weakness
from web.checks import Checks
from web.mail.letter import AccountExists, Letter, VerifyEmail
from web.patients.schemas import PatientBody, PatientView

VALID_S: Final = 24 * 3600.0
# On whose behalf the record is made: nobody has a token yet.
_REGISTRAR: Final = Sender("system", "accounts")


class PatientRegister(Protocol):
    """web.patients.service.PatientService."""

    async def create(self, caller: Sender, body: PatientBody, command_id: str) -> PatientView: ...


class _Waiting(Struct, frozen=True):
    """What a sign-up waits with: sealed in its link."""

    password: str
    name: str
    phone: str


_decode = msgspec.json.Decoder(_Waiting).decode


class SignUp:
    """Raises RecordsUnavailable, AuditUnavailable and Busy."""

    def __init__(self, parts: Parts, patients: PatientRegister) -> None:
        self._parts = parts
        self._store = parts.store
        self._patients = patients

    async def ask(
        self, email: str, password: str, name: str, phone: str, command_id: str, origin: Origin
    ) -> None:
        """Answers 422 for what can never be, 429 for too much; else nothing, whoever asks."""
        email = checked(email)
        checks = Checks()
        phone = checks.phone(phone, "/phone")
        checks.done()
        attempts = self._parts.attempts
        await attempts.count(attempts.letters(email), attempts.requests(origin))
        passwords = self._parts.passwords
        if why := await passwords.aside(lambda: weakness(password, (email, name, phone))):
            raise weak_password(why)
        waiting = _Waiting(await passwords.hash(password), name, phone)
        try:
            await self._send(email, waiting, command_id, origin)
        except AddressTaken:  # another request with this address was first: now it is known
            await self._send(email, waiting, command_id, origin)

    async def _send(self, email: str, waiting: _Waiting, command_id: str, origin: Origin) -> None:
        async with self._store.transaction():
            account = await self._store.accounts.by_email(email, lock=True)
            if account is None:
                account = _unverified(self._parts.new_id(), email, self._parts)
                await self._store.accounts.add(account)
            letter: Letter | None = None
            if account.status == "unverified":
                payload = msgspec.json.encode(waiting)
                link = await make(self._parts, account.id, "verify", VALID_S, payload)
                letter = VerifyEmail(link=link, valid_s=VALID_S)
            elif account.status == "active":
                letter = AccountExists(link=self._parts.page)
            if letter is not None:
                await self._parts.mailer.queue(email, letter, mail_id=mail_id(command_id))
        await self._parts.trail.record("account.sign_up", origin, account)

    async def verify(self, token: str, origin: Origin) -> AccountRow:
        """The link of the letter was used: the account is active. Answers 410."""
        link, account = await follow(self._parts, token, "verify", "unverified")
        waiting = _decode(link.payload)
        body = PatientBody(name=waiting.name, phone=waiting.phone, email=account.email)
        # By the link: should we fall here, the same link finds the record that it made.
        command_id = sha256(f"sign-up\0{token}".encode()).hexdigest()[:32]
        patient = await self._patients.create(_REGISTRAR, body, command_id)
        now = self._parts.now
        active = replace(
            account,
            status=after(account, "verify"),
            subject=patient.id,
            password=waiting.password,
            updated_at=now,
            verified_at=now,
        )
        await self._parts.trail.record("account.verify", origin, active)
        async with self._store.transaction():
            await use(self._parts, token)
            if not await self._store.accounts.change(
                active, account.status, "status", "subject", "password", "updated_at", "verified_at"
            ):
                raise link_ended()
            await self._store.accounts.drop_links(account.id, ("verify",))
        return active


def _unverified(id_: str, email: str, parts: Parts) -> AccountRow:
    return AccountRow(
        id=id_,
        role="patient",
        subject="",
        status="unverified",
        email=email,
        password=None,
        totp=None,
        totp_offered=None,
        totp_offered_at=None,
        totp_step=0,
        created_at=parts.now,
        updated_at=parts.now,
        verified_at=None,
    )

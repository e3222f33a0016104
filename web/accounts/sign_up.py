"""Patients sign up: an address that proves to be theirs becomes an account and a patient's record.

The answer is the same whether the address has an account or not, and so is what is done for it;
what is different goes to the mailbox later (letters.py). Password, name and telephone wait with the
link they were sent with, so a stranger who signs up with somebody's address first leaves nothing
behind in the account its owner makes.
"""

from __future__ import annotations

from hashlib import sha256
from typing import Final, Protocol

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from actors.domain.kernel import Sender
from storage.accounts.row import AccountRow
from web.accounts.account_machine import after
from web.accounts.address import checked
from web.accounts.errors import link_ended, weak_password
from web.accounts.letters import VERIFY_VALID_S, SignUpAsked
from web.accounts.link import follow, use
from web.accounts.origin import Origin
from web.accounts.parts import Parts, mail_id
from web.accounts.strength import weakness
from web.checks import Checks
from web.patients.schemas import PatientBody, PatientView

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
        await attempts.count(attempts.requests("sign-up", origin))
        passwords = self._parts.passwords
        if why := await passwords.aside(lambda: weakness(password, (email, name, phone))):
            raise weak_password(why)
        waiting = _Waiting(await passwords.hash(password), name, phone)
        asked = SignUpAsked(
            email=email,
            waiting=msgspec.json.encode(waiting),
            address=origin.address,
            request_id=origin.request_id,
        )
        await self._parts.trail.record("account.sign_up", origin, None)
        mailer, id_ = self._parts.mailer, mail_id(command_id)
        await mailer.ask(asked, mail_id=id_, valid_s=VERIFY_VALID_S)

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

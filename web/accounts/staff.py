"""What administrators do with accounts: invite staff, disable and enable anybody."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final, Literal

from msgspec import Struct
from msgspec.structs import replace

from actors.domain.kernel import DomainError, Sender
from storage.accounts.accounts import AddressTaken
from storage.accounts.row import AccountRole, AccountRow
from web.accounts.account_machine import after, return_of
from web.accounts.address import checked
from web.accounts.credentials import Credentials
from web.accounts.errors import link_ended
from web.accounts.link import follow, make, use
from web.accounts.origin import Origin
from web.accounts.parts import Parts, mail_id
from web.accounts.session_service import Sessions
from web.accounts.trail import NOWHERE
from web.mail.letter import StaffInvitation
from web.problems import not_visible

# Whoever begins next week has time; an administrator can always invite again.
VALID_S: Final = 7 * 86_400.0

StaffRole = Literal["paramedic", "doctor", "ops", "admin", "auditor"]
# Raises NoSuchRecord unless there is such a doctor, or paramedic.
RecordCheck = Callable[[StaffRole, str], Awaitable[None]]
# Told of each account that may do nothing any more: role and subject.
OnDisabled = Callable[[str, str], Awaitable[None]]


class Invitation(Struct, frozen=True):
    """`link`: for whoever invites to hand over where there is no mail."""

    account: AccountRow
    link: str
    valid_s: float


class Staff:
    """Raises RecordsUnavailable and AuditUnavailable; those that name an account answer 404."""

    def __init__(
        self,
        parts: Parts,
        sessions: Sessions,
        credentials: Credentials,
        check_record: RecordCheck,
        on_disabled: OnDisabled,
    ) -> None:
        self._parts = parts
        self._store = parts.store
        self._sessions = sessions
        self._credentials = credentials
        self._check_record = check_record
        self._on_disabled = on_disabled

    async def invite(
        self,
        email: str,
        role: StaffRole,
        subject: str | None,
        by: Sender | None,
        command_id: str,
        origin: Origin = NOWHERE,
    ) -> Invitation:
        """`subject`: of a doctor or paramedic the id of their record; others have none. `by` None:
        an operator at the machine. Invited again, the link before is good no more.

        Answers 409 where the address, or the record, has an account that is not waiting for this.
        """
        email = checked(email)
        of_record = role in ("doctor", "paramedic")
        if of_record != (subject is not None):
            detail = "doctors and paramedics, and nobody else, are invited for a record of theirs"
            raise DomainError("invalid_invitation", detail)
        if subject is not None:
            await self._check_record(role, subject)
        by = by or Sender("system", "operator")
        try:
            async with self._store.transaction():
                account = await self._invited(email, role, subject)
                await self._store.accounts.drop_links(account.id, ("invite",))
                link = await make(self._parts, account.id, "invite", VALID_S)
                letter = StaffInvitation(role=role, link=link, valid_s=VALID_S)
                await self._parts.mailer.queue(email, letter, mail_id=mail_id(command_id))
        except AddressTaken:
            raise DomainError("account_exists", "this record has an account already") from None
        await self._parts.trail.record("account.invite", origin, account, by=by, reason=role)
        return Invitation(account, link, VALID_S)

    async def _invited(self, email: str, role: AccountRole, subject: str | None) -> AccountRow:
        known = await self._store.accounts.by_email(email, lock=True)
        if known is None:
            account = self._parts.new_account(role, "invited", email)
            account = replace(account, subject=subject or account.id)
            await self._store.accounts.add(account)
            return account
        if known.status != "invited":
            raise DomainError("account_exists", "this address has an account already")
        again = replace(
            known,
            role=role,
            subject=subject or known.id,
            status=after(known, "invite"),
            updated_at=self._parts.now,
        )
        await self._store.accounts.change(again, known.status, "role", "subject", "updated_at")
        return again

    async def accept(self, token: str, password: str, origin: Origin) -> AccountRow:
        """With the link of the letter, which proves the address: the account is active. Answers
        410 for the link, 422 for the password."""
        _, account = await follow(self._parts, token, "invite", "invited")
        await self._credentials.strong(password, account)
        now = self._parts.now
        active = replace(
            account,
            status=after(account, "accept"),
            password=await self._parts.passwords.hash(password),
            updated_at=now,
            verified_at=now,
        )
        await self._parts.trail.record("account.accept", origin, active)
        async with self._store.transaction():
            await use(self._parts, token)
            if not await self._store.accounts.change(
                active, "invited", "status", "password", "updated_at", "verified_at"
            ):
                raise link_ended()
        return active

    # Looking, disabling, enabling.

    async def get(self, account_id: str) -> AccountRow:
        account = await self._store.accounts.by_id(account_id)
        if account is None:
            raise not_visible("account")
        return account

    async def list(self, before: str | None, limit: int) -> tuple[tuple[AccountRow, ...], bool]:
        return await self._store.accounts.list(before, limit)

    async def disable(self, account_id: str, by: Sender, reason: str, origin: Origin) -> AccountRow:
        """Its sessions end and its sockets close at once. `reason`: a code. Answers 409."""
        account = await self.get(account_id)
        disabled = replace(account, status=after(account, "disable"), updated_at=self._parts.now)
        await self._parts.trail.record("account.disable", origin, account, by=by, reason=reason)
        async with self._store.transaction():
            await self._change_status(disabled, account)
            await self._store.accounts.drop_links(
                account.id, ("verify", "reset", "email", "invite")
            )
            await self._sessions.end_all(account, "account_disabled", by, origin)
        await self._on_disabled(account.role, account.subject)
        return disabled

    async def enable(self, account_id: str, by: Sender, origin: Origin) -> AccountRow:
        """As it was before it was disabled, but for its sessions. Answers 409."""
        account = await self.get(account_id)
        enabled = replace(
            account, status=after(account, return_of(account)), updated_at=self._parts.now
        )
        await self._parts.trail.record("account.enable", origin, account, by=by)
        async with self._store.transaction():
            await self._change_status(enabled, account)
        return enabled

    async def _change_status(self, new: AccountRow, old: AccountRow) -> None:
        if not await self._store.accounts.change(new, old.status, "status", "updated_at"):
            raise DomainError("conflict", "the account was changed meanwhile; look again")

    async def disable_subject(
        self, role: AccountRole, subject: str, by: Sender, reason: str
    ) -> bool:
        """The account that speaks for this subject, if there is one that is not disabled yet."""
        account = await self._store.accounts.by_subject(role, subject)
        if account is None or account.status == "disabled":
            return False
        await self.disable(account.id, by, reason, NOWHERE)
        return True

    async def erase_subject(self, role: AccountRole, subject: str, by: Sender) -> bool:
        """Nothing is left of that account but its lines in the audit. False: there was none.

        A worker that is cut from PostgreSQL at that moment learns of it by no poll, for the rows
        are gone: it takes the last access tokens until they end, for a subject that is gone too.
        """
        account = await self._store.accounts.by_subject(role, subject)
        if account is None:
            return False
        await self._parts.trail.record("account.erase", NOWHERE, account, by=by)
        async with self._store.transaction():
            await self._sessions.end_all(account, "account_disabled", by)
        await self._store.accounts.remove(account.id)
        await self._on_disabled(account.role, account.subject)
        return True

"""All of the accounts, as the composition root makes them and controllers are given them."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from actors.domain.kernel import Sender
from actors.ports import Clock
from config import Secret
from storage.accounts import AccountStore
from storage.accounts.row import AccountRole, AccountRow
from storage.audit import AuditTrail
from storage.encryption import Vault
from storage.records import Records, RecordsUnavailable
from web.accounts.attempts import Attempts
from web.accounts.credentials import Credentials
from web.accounts.enrolment import TotpEnrolment
from web.accounts.errors import invalid_credentials, no_account
from web.accounts.factors import Factors, RecoveryFactor, TotpFactor
from web.accounts.kept_keys import KeptKeys
from web.accounts.letters import AccountLetters
from web.accounts.login import Login
from web.accounts.parts import Parts
from web.accounts.passkeys.service import Passkeys
from web.accounts.password import Cost, Passwords
from web.accounts.revocation import Revocations
from web.accounts.session_service import Sessions
from web.accounts.signing import AccessTokens, SigningKeys
from web.accounts.staff import Staff, StaffRole
from web.accounts.throttle import Throttle
from web.accounts.trail import NOWHERE, AccountTrail
from web.accounts.verifier import TokenVerifier
from web.mail.mailer import Mailer
from web.tokens import Principal

log = logging.getLogger(__name__)

# A session that has ended is shown to nobody, and asked about by an auditor within a month.
KEPT: Final = timedelta(days=30)
# Nothing depends on what is past: one deletion an hour is little work at a time.
PRUNE_EVERY_S: Final = 3600.0


@dataclass(frozen=True, slots=True)
class Needs:
    """What the accounts stand on; whoever made these closes them."""

    database_url: str
    vault: Vault
    mailer: Mailer
    audit: AuditTrail
    throttle: Throttle
    records: Records
    clock: Clock
    public_url: str
    token_secret: Secret
    cost: Cost | None = None
    kept_keys: KeptKeys | None = None


async def _nobody(_role: str, _subject: str) -> None:
    return


class Accounts:
    """Made by `opened`."""

    def __init__(self, needs: Needs, store: AccountStore, passwords: Passwords) -> None:
        clock = needs.clock
        self.parts = Parts(
            store=store,
            mailer=needs.mailer,
            trail=AccountTrail(needs.audit, clock),
            attempts=Attempts(needs.throttle, store.sealer, clock),
            passwords=passwords,
            clock=clock,
            public_url=needs.public_url.rstrip("/"),
        )
        self.keys = SigningKeys(store, clock, needs.kept_keys)
        self.revocations = Revocations(needs.database_url, clock, self.keys.changed)
        store.on_session_ended(self.revocations.ended)
        self.verifier = TokenVerifier(
            needs.token_secret, self.keys.verifying, self.revocations, clock
        )
        self.sessions = Sessions(self.parts, AccessTokens(self.keys, clock))
        totp = TotpFactor(store, clock)
        self.factors = Factors((totp, RecoveryFactor(store, clock)))
        self.letters = AccountLetters(self.parts)
        self.login = Login(self.parts, self.sessions, self.factors)
        self.credentials = Credentials(self.parts, self.sessions)
        self.enrolment = TotpEnrolment(self.parts, self.sessions, self.credentials, totp)
        self.passkeys = Passkeys(self.parts, self.sessions, self.credentials, self.login)
        self.factors.add(self.passkeys.factor)
        self._records = needs.records
        self._on_disabled: Callable[[str, str], Awaitable[None]] = _nobody
        self.staff = Staff(
            self.parts, self.sessions, self.credentials, self._check_record, self._disabled
        )

    async def own(self, principal: Principal) -> AccountRow:
        """The caller's. Answers 403 for a token that belongs to none."""
        if not principal.account_id:
            raise no_account()
        account = await self.parts.store.accounts.by_id(principal.account_id)
        if account is None or account.status != "active":
            raise invalid_credentials()
        return account

    # For the rest of the system.

    def on_disabled(self, watcher: Callable[[str, str], Awaitable[None]]) -> None:
        """Have it called with role and subject of each account that may do nothing any more."""
        self._on_disabled = watcher

    async def disable(self, account_id: str, by: Sender, reason: str) -> None:
        """`reason`: a code. As `Staff.disable`."""
        await self.staff.disable(account_id, by, reason, NOWHERE)

    async def enable(self, account_id: str, by: Sender) -> None:
        await self.staff.enable(account_id, by, NOWHERE)

    async def disable_subject(
        self, role: AccountRole, subject: str, by: Sender, reason: str
    ) -> bool:
        return await self.staff.disable_subject(role, subject, by, reason)

    async def erase_subject(self, role: AccountRole, subject: str, by: Sender) -> bool:
        return await self.staff.erase_subject(role, subject, by)

    async def subject_account(self, role: AccountRole, subject: str) -> AccountRow | None:
        """The account that speaks for it: for who wants to write its owner a letter."""
        return await self.parts.store.accounts.by_subject(role, subject)

    async def _disabled(self, role: str, subject: str) -> None:
        await self._on_disabled(role, subject)

    async def _check_record(self, role: StaffRole, subject: str) -> None:
        if role == "doctor":
            await self._records.doctors.get(subject)
        else:
            await self._records.paramedics.get(subject)

    # Life.

    async def prune(self) -> None:
        """Forget what is over: links, sessions, keys. Raises RecordsUnavailable."""
        now, store = self.parts.now, self.parts.store
        await store.accounts.prune(now)
        await store.passkeys.prune(now)
        await store.sessions.prune(now - KEPT, now - KEPT)
        await store.keys.prune(now)

    async def _keep_pruning(self) -> None:
        while True:
            await self.parts.clock.sleep(PRUNE_EVERY_S)
            try:
                await self.prune()
            except RecordsUnavailable as error:
                log.warning("old links and sessions not forgotten: %s", error)


@asynccontextmanager
async def opened(needs: Needs) -> AsyncIterator[Accounts]:
    """Ready to serve: keys read, ends of sessions followed. Raises RecordsUnavailable."""
    async with AsyncExitStack() as closing:
        passwords = Passwords(needs.cost)
        closing.callback(passwords.close)
        store = AccountStore(needs.records.database, needs.vault)
        accounts = Accounts(needs, store, passwords)
        await accounts.revocations.start()
        closing.push_async_callback(accounts.revocations.close)
        await accounts.keys.start()
        closing.push_async_callback(accounts.keys.close)
        pruning = asyncio.create_task(accounts._keep_pruning(), name="accounts-pruning")
        closing.push_async_callback(_ended, pruning)
        yield accounts


async def _ended(task: asyncio.Task[None]) -> None:
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task

"""Logging in: a password, then a second factor where there is one.

Wrong password, unknown address, an account that is not active, a wrong or used code: one answer,
after the same work. The work of a password is done also where there is none to compare with; it
outweighs all the rest a thousandfold.
"""

from __future__ import annotations

from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from storage.accounts.row import AccountRow, SessionRow
from web.accounts import opaque, session_machine
from web.accounts.account_machine import STAFF
from web.accounts.address import canonical
from web.accounts.attempts import Device
from web.accounts.errors import invalid_credentials
from web.accounts.factors import PASSWORD, Factors
from web.accounts.origin import Origin
from web.accounts.parts import Parts
from web.accounts.session_service import Opened, Sessions
from web.mail.letter import NewSignIn
from web.problems import ProblemError

ACTION: Final = "login"
FACTOR_ACTION: Final = "login.mfa"
# So long after its beginning an account's devices are not news to its owner.
FIRST_S: Final = 3600.0


class Challenge(Struct, frozen=True):
    """The password was right. `ticket`: what comes with the second factor, one of `factors`."""

    ticket: str
    factors: tuple[str, ...]


class Login:
    """Raises RecordsUnavailable, AuditUnavailable and Busy in all methods."""

    def __init__(self, parts: Parts, sessions: Sessions, factors: Factors) -> None:
        self._parts = parts
        self._store = parts.store
        self._sessions = sessions
        self._factors = factors

    async def begin(
        self, email: str, password: str, device_token: str | None, origin: Origin
    ) -> Opened | Challenge:
        """By e-mail address and password. Answers 401, or 429 while the next is not looked at."""
        email = canonical(email)
        attempts = self._parts.attempts
        account = await self._store.accounts.by_email(email)
        device = attempts.device_of(account, device_token)
        # A device that was here before is not slowed by what others do elsewhere.
        own = attempts.device(device) if device.known else attempts.guesses(email, origin)
        others = (None if device.known else attempts.account(email), attempts.address(origin))
        try:
            await attempts.count(own, *others)
        except ProblemError:
            self._parts.trail.offer(ACTION, origin, account, reason="throttled")
            raise
        usable = account is not None and account.status == "active"
        known = account.password if account is not None and usable else None
        right = await self._parts.passwords.verify(known, password)
        if account is None or not right:
            await self._failed(ACTION, account, _why(account), origin)
            raise invalid_credentials()
        await attempts.forgive(own)
        await attempts.take_back(*others)
        if known is not None and self._parts.passwords.outdated(known):
            anew = await self._parts.passwords.hash(password)
            await self._store.accounts.rehashed(account.id, known, anew)
            account = replace(account, password=anew)
        return await self._password_passed(account, device, origin)

    async def _password_passed(
        self, account: AccountRow, device: Device, origin: Origin
    ) -> Opened | Challenge:
        factors = await self._factors.of(account)
        if factors:
            ticket = opaque.new_token()
            async with self._store.transaction():
                await self._still(account)
                await self._sessions.begin(account, "challenged", (PASSWORD,), origin, ticket)
            await self._parts.trail.record(ACTION, origin, account, reason="second-factor-next")
            return Challenge(ticket, factors)
        if account.role in STAFF:
            return await self._enrolling(account, origin)
        return await self.open(account, (PASSWORD,), origin, device_known=device.known)

    async def _enrolling(self, account: AccountRow, origin: Origin) -> Opened:
        await self._parts.trail.record(ACTION, origin, account, reason="second-factor-unset")
        async with self._store.transaction():
            await self._still(account)
            session = await self._sessions.begin(account, "enrolling", (PASSWORD,), origin)
        return self._sessions.opened(account, session, None)

    async def open(
        self, account: AccountRow, amr: tuple[str, ...], origin: Origin, *, device_known: bool
    ) -> Opened:
        """An active session, for one who has shown all that is asked of this account."""
        await self._parts.trail.record(ACTION, origin, account, reason=".".join(amr))
        async with self._store.transaction():
            await self._still(account)
            session = await self._sessions.begin(account, "active", amr, origin)
            refresh_token = await self._sessions.refresh_token(session)
            await self._tell(account, origin, device_known)
        return self._sessions.opened(account, session, refresh_token)

    # The second factor.

    async def challenged(self, ticket: str) -> tuple[SessionRow, AccountRow] | None:
        """Whose challenge this ticket finishes, unless its time is over."""
        session = await self._store.sessions.by_ticket(ticket)
        if session is None or session.status != "challenged" or self._sessions.over(session):
            return None
        account = await self._store.accounts.by_id(session.account_id)
        if account is None or account.status != "active":
            return None
        return session, account

    async def finish(
        self, ticket: str, factor: str, proof: str, device_token: str | None, origin: Origin
    ) -> Opened:
        """With a proof of the factor of that name. Answers as `begin`."""
        attempts = self._parts.attempts
        network = attempts.address(origin)
        found = await self.challenged(ticket)
        own = None if found is None else attempts.factor(found[1].id)
        await attempts.count(own, network)
        kind = self._factors.get(factor)
        if found is None or kind is None:
            await self._failed(FACTOR_ACTION, None, "unknown-ticket", origin)
            raise invalid_credentials()
        session, account = found
        if not await self._store.sessions.attempted(session.id, session_machine.ATTEMPTS):
            await self._sessions.end(session.id, "attempts", origin=origin)
            await self._failed(FACTOR_ACTION, account, "attempts", origin)
            raise invalid_credentials()
        if not await kind.passes(account, proof):
            await self._failed(FACTOR_ACTION, account, f"wrong-{factor}", origin)
            raise invalid_credentials()
        await attempts.forgive(own)
        await attempts.take_back(network)
        known = attempts.device_of(account, device_token).known
        return await self.passed(session, account, kind.amr, origin, device_known=known)

    async def passed(
        self,
        session: SessionRow,
        account: AccountRow,
        amr: tuple[str, ...],
        origin: Origin,
        *,
        device_known: bool,
    ) -> Opened:
        """The second factor was right: the challenged session becomes an active one."""
        await self._parts.trail.record(
            FACTOR_ACTION, origin, account, reason=".".join(amr), session_id=session.id
        )
        async with self._store.transaction():
            await self._still(account)
            active = await self._sessions.activate(
                session, "pass_factor", account, (*session.amr, *amr)
            )
            refresh_token = await self._sessions.refresh_token(active)
            await self._tell(account, origin, device_known)
        return self._sessions.opened(account, active, refresh_token)

    # What all of them share.

    async def _still(self, account: AccountRow) -> None:
        """Inside the transaction: what was just checked has not changed, and will not before it
        commits. Whoever disables the account or sets a new password ends this session too."""
        now = await self._store.accounts.by_id(account.id, lock=True)
        if now is None or now.status != "active" or now.password != account.password:
            raise invalid_credentials()

    async def _tell(self, account: AccountRow, origin: Origin, device_known: bool) -> None:
        """A login from a device that was never seen is written to the owner; not the first one."""
        now = self._parts.clock.now()
        new = account.verified_at is None or now - account.verified_at.timestamp() < FIRST_S
        if device_known or new:
            return
        letter = NewSignIn(at=now, address=origin.address, device=origin.device)
        await self._parts.mailer.queue(account.email, letter)

    async def _failed(
        self, action: str, account: AccountRow | None, why: str, origin: Origin
    ) -> None:
        await self._parts.trail.record(action, origin, account, outcome="denied", reason=why)


def _why(account: AccountRow | None) -> str:
    if account is None:
        return "unknown-account"
    return "wrong-password" if account.status == "active" else f"account-{account.status}"

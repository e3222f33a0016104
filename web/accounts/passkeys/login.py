"""Logging in with a passkey: after the password, or without one.

An unknown credential, another's, a wrong signature, a challenge that was used, an account that is
not active: one answer, as for a wrong password. Nobody names an account here, and credentials' ids
are long and random; so an attempt is counted on the network address it comes from, and on the
account where a password has named it.
"""

from __future__ import annotations

from typing import Final

from storage.accounts.passkey_row import PasskeyRow
from storage.accounts.row import AccountRow, SessionRow
from web.accounts import session_machine
from web.accounts.errors import invalid_credentials
from web.accounts.login import ACTION, FACTOR_ACTION, Login
from web.accounts.origin import Origin
from web.accounts.parts import Parts
from web.accounts.passkeys import ceremony
from web.accounts.passkeys.ceremony import Refused
from web.accounts.passkeys.challenge import Challenges, Purpose
from web.accounts.passkeys.factor import amr_of
from web.accounts.passkeys.relying_party import RelyingParty
from web.accounts.passkeys.schemas import AssertedCredential, RequestOptions
from web.accounts.session_service import Opened, Sessions
from web.accounts.throttle import Counter
from web.problems import ProblemError

# A count that is not above the last one: there are two of this authenticator, or one that lies.
CLONED: Final = "passkey-counter"


class PasskeyLogin:
    """Raises RecordsUnavailable, AuditUnavailable and Busy."""

    def __init__(
        self,
        parts: Parts,
        sessions: Sessions,
        login: Login,
        challenges: Challenges,
        party: RelyingParty,
    ) -> None:
        self._parts = parts
        self._store = parts.store
        self._sessions = sessions
        self._login = login
        self._challenges = challenges
        self._party = party

    async def options(self, ticket: str | None, origin: Origin) -> RequestOptions:
        """What the browser is asked for: whatever it has for us; with a ticket, one of the
        account's whose password was right. Answers 401 to a ticket that is none."""
        if ticket is None:
            return ceremony.request_options(
                self._party, self._challenges.issue("login", ""), known=()
            )
        found = await self._login.challenged(ticket)
        known = () if found is None else await self._store.passkeys.of_account(found[1].id)
        if found is None or not known:
            self._parts.trail.offer(
                FACTOR_ACTION, origin, found and found[1], reason="unknown-ticket"
            )
            raise invalid_credentials()
        challenge = self._challenges.issue("second-factor", found[0].id)
        return ceremony.request_options(self._party, challenge, known)

    async def log_in(
        self, credential: AssertedCredential, device_token: str | None, origin: Origin
    ) -> Opened:
        """With nothing but the passkey. Answers 401, or 429 while the next is not looked at."""
        network = self._parts.attempts.address(origin)
        await self._count(ACTION, origin, None, network)
        try:
            passkey, account = await self._shown(credential, "login", "", None)
        except _NotShown as error:
            raise await self._failed(ACTION, error, origin) from None
        await self._parts.attempts.take_back(network)
        known = self._parts.attempts.device_of(account, device_token).known
        return await self._login.open(account, amr_of(passkey), origin, device_known=known)

    async def finish(
        self,
        ticket: str,
        credential: AssertedCredential,
        device_token: str | None,
        origin: Origin,
    ) -> Opened:
        """After the password. Answers as `log_in`."""
        attempts = self._parts.attempts
        network = attempts.address(origin)
        found = await self._login.challenged(ticket)
        own = None if found is None else attempts.factor(found[1].id)
        await self._count(FACTOR_ACTION, origin, found and found[1], own, network)
        if found is None:
            raise await self._failed(FACTOR_ACTION, _NotShown("unknown-ticket", None), origin)
        session, account = found
        try:
            await self._attempt(session, account, origin)
            passkey, account = await self._shown(credential, "second-factor", session.id, account)
        except _NotShown as error:
            raise await self._failed(FACTOR_ACTION, error, origin) from None
        await attempts.forgive(own)
        await attempts.take_back(network)
        known = attempts.device_of(account, device_token).known
        return await self._login.passed(
            session, account, amr_of(passkey), origin, device_known=known
        )

    async def _attempt(self, session: SessionRow, account: AccountRow, origin: Origin) -> None:
        if not await self._store.sessions.attempted(session.id, session_machine.ATTEMPTS):
            await self._sessions.end(session.id, "attempts", origin=origin)
            raise _NotShown("attempts", account)

    async def _shown(
        self,
        credential: AssertedCredential,
        purpose: Purpose,
        bound_to: str,
        expected: AccountRow | None,
    ) -> tuple[PasskeyRow, AccountRow]:
        """The passkey that was shown, and whose it is: of `expected`, if it must be somebody's.

        Raises _NotShown.
        """
        account = expected
        try:
            id_ = ceremony.credential_id(credential)
            client_data = credential.response.client_data_json
            challenge = await self._challenges.answered(client_data, purpose, bound_to)
            passkey = await self._store.passkeys.by_credential(id_)
            if passkey is not None and expected is not None and passkey.account_id != expected.id:
                passkey = None
            elif passkey is not None and expected is None:
                account = await self._store.accounts.by_id(passkey.account_id)
            count = ceremony.asserted(
                self._party, challenge, credential, passkey, named=expected is None
            )
        except Refused as error:
            raise _NotShown(error.why, account) from None
        assert passkey is not None
        if account is None or account.status != "active":
            raise _NotShown(f"account-{account.status if account else 'gone'}", account)
        if not await self._store.passkeys.used(passkey.id, count, self._parts.now):
            raise _NotShown(CLONED, account)
        return passkey, account

    async def _count(
        self, action: str, origin: Origin, account: AccountRow | None, *counters: Counter | None
    ) -> None:
        try:
            await self._parts.attempts.count(*counters)
        except ProblemError:
            self._parts.trail.offer(action, origin, account, reason="throttled")
            raise

    async def _failed(self, action: str, error: _NotShown, origin: Origin) -> ProblemError:
        await self._parts.trail.record(
            action, origin, error.account, outcome="denied", reason=error.why
        )
        return invalid_credentials()


class _NotShown(Exception):
    """`why`: a code, for the audit; the caller is told nothing of it. `account`: whose passkey was
    tried, as far as that is known."""

    def __init__(self, why: str, account: AccountRow | None) -> None:
        super().__init__(why)
        self.why = why
        self.account = account

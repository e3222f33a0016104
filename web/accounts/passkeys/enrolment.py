"""An account's passkeys: asked for, added, listed, taken away."""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from actors.domain.kernel import DomainError
from storage.accounts.passkey_row import PasskeyRow
from storage.accounts.passkeys import CredentialTaken
from storage.accounts.row import AccountRow
from web.accounts import recovery
from web.accounts.account_machine import STAFF
from web.accounts.credentials import Credentials
from web.accounts.errors import invalid_credentials, second_factor_kept
from web.accounts.factors import PASSWORD
from web.accounts.origin import Origin
from web.accounts.parts import Parts
from web.accounts.passkeys import ceremony
from web.accounts.passkeys.ceremony import Made, Refused
from web.accounts.passkeys.challenge import Challenges
from web.accounts.passkeys.factor import NAME, amr_of
from web.accounts.passkeys.relying_party import RelyingParty
from web.accounts.passkeys.schemas import CreatedCredential, CreationOptions
from web.accounts.session_service import Opened, Sessions
from web.mail.letter import SecurityChange, SecurityChanged
from web.problems import not_visible

# A telephone, a computer, two security keys, and as many of each again.
MOST: Final = 10


class Added(Struct, frozen=True):
    """`codes`: shown this once; () where there are some left from before. `opened`: the whole
    session, of one that was enrolling."""

    passkey: PasskeyRow
    codes: tuple[str, ...]
    opened: Opened | None


class PasskeyEnrolment:
    """Raises RecordsUnavailable, AuditUnavailable and Busy."""

    def __init__(
        self,
        parts: Parts,
        sessions: Sessions,
        credentials: Credentials,
        challenges: Challenges,
        party: RelyingParty,
    ) -> None:
        self._parts = parts
        self._store = parts.store
        self._sessions = sessions
        self._credentials = credentials
        self._challenges = challenges
        self._party = party

    async def offer(
        self, account: AccountRow, password: str | None, session_id: str, origin: Origin
    ) -> CreationOptions:
        """What the browser is asked to make, and to be added in this same session. `password`: None
        of a session that is enrolling, which has just given it. Answers 401, 409."""
        if password is not None:
            await self._credentials.confirm(account, password, origin)
        known = await self._store.passkeys.of_account(account.id)
        if len(known) >= MOST:
            raise _too_many()
        await self._parts.trail.record("mfa.offer", origin, account, reason=NAME)
        challenge = self._challenges.issue("register", session_id)
        return ceremony.creation_options(self._party, account, challenge, known)

    async def add(
        self,
        account: AccountRow,
        name: str,
        credential: CreatedCredential,
        session_id: str,
        origin: Origin,
    ) -> Added:
        """It opens the account from now on. Answers 401 for whatever is wrong with it, 409."""
        attempts = self._parts.attempts
        await attempts.count(attempts.factor(account.id))
        try:
            found = await self._made(credential, session_id)
            added = await self._kept(account, name, found, session_id, origin)
        except Refused as error:
            await self._parts.trail.record(
                "mfa.enrol", origin, account, outcome="denied", reason=error.why
            )
            raise invalid_credentials() from None
        await attempts.forgive(attempts.factor(account.id))
        return added

    async def _made(self, credential: CreatedCredential, session_id: str) -> Made:
        client_data = credential.response.client_data_json
        challenge = await self._challenges.answered(client_data, "register", session_id)
        return ceremony.made(self._party, challenge, credential)

    async def _kept(
        self, account: AccountRow, name: str, found: Made, session_id: str, origin: Origin
    ) -> Added:
        passkey = PasskeyRow(
            id=self._parts.new_id(),
            account_id=account.id,
            credential_id=found.credential_id,
            public_key=found.public_key,
            name=name,
            transports=found.transports,
            synced=found.synced,
            sign_count=found.sign_count,
            created_at=self._parts.now,
        )
        try:
            async with self._store.transaction():
                await self._unchanged(account)
                if await self._store.passkeys.count(account.id) >= MOST:
                    raise _too_many()
                await self._store.passkeys.add(passkey)
                codes = await self._first_codes(account)
                await self._tell(account, "passkey_added")
                opened = await self._whole(account, passkey, session_id)
                await self._parts.trail.record("mfa.enrol", origin, account, reason=NAME)
        except CredentialTaken:
            raise Refused("passkey-known") from None
        return Added(passkey, codes, opened)

    async def _first_codes(self, account: AccountRow) -> tuple[str, ...]:
        """A way in without the device, for who has none."""
        if await self._store.accounts.codes_left(account.id):
            return ()
        codes = recovery.new_codes()
        await self._store.accounts.replace_codes(account.id, map(recovery.canonical, codes))
        return codes

    async def _whole(
        self, account: AccountRow, passkey: PasskeyRow, session_id: str
    ) -> Opened | None:
        """An enrolling session has what it lacked; others stay as they are."""
        session = await self._store.sessions.by_id(session_id)
        if session is None or session.status == "ended":
            raise invalid_credentials()
        if session.status != "enrolling":
            return None
        amr = (PASSWORD, *amr_of(passkey))
        active = await self._sessions.activate(session, "enrol_factor", account, amr)
        token = await self._sessions.refresh_token(active)
        return self._sessions.opened(account, active, token)

    async def of_account(self, account: AccountRow) -> tuple[PasskeyRow, ...]:
        """Oldest first."""
        return await self._store.passkeys.of_account(account.id)

    async def remove(
        self, account: AccountRow, passkey_id: str, password: str, origin: Origin
    ) -> None:
        """It opens nothing any more; sessions that it opened go on. Answers 401, 404, and 409 to
        staff whose last factor it is."""
        await self._credentials.confirm(account, password, origin)
        async with self._store.transaction():
            now = await self._unchanged(account)
            if not await self._store.passkeys.remove(account.id, passkey_id):
                raise not_visible("passkey")
            if now.totp is None and not await self._store.passkeys.count(account.id):
                if now.role in STAFF:
                    raise second_factor_kept()
                await self._store.accounts.replace_codes(account.id, ())
            await self._tell(account, "passkey_removed")
            await self._parts.trail.record("mfa.remove", origin, account, reason=NAME)

    async def _unchanged(self, account: AccountRow) -> AccountRow:
        """Inside the transaction: as it is, and stays until that ends. Answers 401 where another
        password was set meanwhile, or the account disabled."""
        now = await self._store.accounts.by_id(account.id, lock=True)
        if now is None or now.status != "active" or now.password != account.password:
            raise invalid_credentials()
        return now

    async def _tell(self, account: AccountRow, change: SecurityChange) -> None:
        letter = SecurityChanged(change=change, at=self._parts.clock.now())
        await self._parts.mailer.queue(account.email, letter)


def _too_many() -> DomainError:
    return DomainError("too_many_passkeys", f"an account has {MOST} passkeys at most", ("removal",))

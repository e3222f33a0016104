"""The authenticator app of an account: offered, confirmed, taken away; and its recovery codes."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from actors.domain.kernel import DomainError, Sender
from storage.accounts.row import AccountRow
from web.accounts import recovery, totp
from web.accounts.account_machine import STAFF
from web.accounts.credentials import Credentials
from web.accounts.errors import invalid_credentials, second_factor_kept
from web.accounts.factors import ONE_TIME, PASSWORD, SEVERAL, RecoveryFactor, TotpFactor
from web.accounts.origin import Origin
from web.accounts.parts import Parts
from web.accounts.session_service import Opened, Sessions
from web.mail.letter import SecurityChange, SecurityChanged

# A secret that was shown and never confirmed is worth nothing after this.
OFFER_VALID_S: Final = 1800.0


class Offer(Struct, frozen=True):
    """A secret, shown once: as base32 to type in, as an `otpauth:` address, and as its QR code."""

    secret: str
    uri: str
    qr_svg: str


class Enrolled(Struct, frozen=True):
    """`codes`: shown this once. `opened`: the whole session, of one that was enrolling."""

    codes: tuple[str, ...]
    opened: Opened | None


class TotpEnrolment:
    """Raises RecordsUnavailable, AuditUnavailable and Busy."""

    def __init__(
        self, parts: Parts, sessions: Sessions, credentials: Credentials, factor: TotpFactor
    ) -> None:
        self._parts = parts
        self._store = parts.store
        self._sessions = sessions
        self._credentials = credentials
        self._factor = factor
        self._recovery = RecoveryFactor(parts.store, parts.clock)

    async def offer(self, account: AccountRow, password: str | None, origin: Origin) -> Offer:
        """`password`: None of a session that is enrolling, which has just given it.

        Answers 409 where there is an authenticator already: it is taken away first.
        """
        if account.totp is not None:
            raise DomainError("already_enrolled", "this account has an authenticator", ("removal",))
        if password is not None:
            await self._credentials.confirm(account, password, origin)
        secret, now = totp.new_secret(), self._parts.now
        offered = replace(account, totp_offered=secret, totp_offered_at=now)
        if not await self._store.accounts.change(
            offered, "active", "totp_offered", "totp_offered_at"
        ):
            raise invalid_credentials()
        await self._parts.trail.record("mfa.offer", origin, account)
        uri = totp.uri(secret, account.email)
        return Offer(secret, uri, totp.qr_svg(uri))

    async def confirm(
        self, account: AccountRow, code: str, session_id: str, origin: Origin
    ) -> Enrolled:
        """The first code: the authenticator works, and is asked for from now on."""
        await self._parts.attempts.count(self._parts.attempts.factor(account.id))
        now, at = self._parts.now, account.totp_offered_at
        fresh = at is not None and now < at + timedelta(seconds=OFFER_VALID_S)
        secret = account.totp_offered if fresh else None
        step = None if secret is None else totp.step_of(secret, code, self._parts.clock.now())
        if step is None:
            await self._denied("mfa.enrol", account, origin)
            raise invalid_credentials()
        await self._parts.attempts.forgive(self._parts.attempts.factor(account.id))
        codes = recovery.new_codes()
        enrolled = replace(
            account, totp=secret, totp_offered=None, totp_offered_at=None, totp_step=step
        )
        await self._parts.trail.record("mfa.enrol", origin, account)
        async with self._store.transaction():
            known = await self._store.accounts.by_id(account.id, lock=True)
            if known is None or known.totp is not None or known.totp_offered != secret:
                raise invalid_credentials()
            await self._store.accounts.change(
                enrolled, "active", "totp", "totp_offered", "totp_offered_at", "totp_step"
            )
            await self._codes(account, codes)
            await self._tell(account, "mfa_on")
            opened = await self._whole(enrolled, session_id)
        return Enrolled(codes, opened)

    async def _whole(self, account: AccountRow, session_id: str) -> Opened | None:
        """An enrolling session has what it lacked; others stay as they are."""
        session = await self._store.sessions.by_id(session_id)
        if session is None or session.status != "enrolling":
            return None
        amr = (PASSWORD, ONE_TIME, SEVERAL)
        active = await self._sessions.activate(session, "enrol_factor", account, amr)
        token = await self._sessions.refresh_token(active)
        return self._sessions.opened(account, active, token)

    async def remove(self, account: AccountRow, password: str, code: str, origin: Origin) -> None:
        """By a patient, with both factors. Answers 409 to staff."""
        if account.role in STAFF:
            raise second_factor_kept()
        await self._credentials.confirm(account, password, origin)
        await self._proved(account, code, origin)
        await self._parts.trail.record("mfa.remove", origin, account)
        async with self._store.transaction():
            await self._off(account)

    async def reset(self, account: AccountRow, by: Sender, origin: Origin) -> None:
        """By an administrator, for one who lost both the device and the codes. Passkeys go too, for
        they may be on that device. All of the account's sessions end; staff must enrol anew at the
        next login."""
        await self._parts.trail.record("mfa.reset", origin, account, by=by)
        async with self._store.transaction():
            await self._store.passkeys.remove_all(account.id)
            await self._off(account)
            await self._sessions.end_all(account, "mfa_changed", by, origin)

    async def new_codes(self, account: AccountRow, code: str, origin: Origin) -> tuple[str, ...]:
        """Ten others; the old ones are good no more."""
        await self._proved(account, code, origin)
        codes = recovery.new_codes()
        await self._parts.trail.record("mfa.new_codes", origin, account)
        async with self._store.transaction():
            await self._codes(account, codes)
            await self._tell(account, "recovery_codes")
        return codes

    async def _proved(self, account: AccountRow, code: str, origin: Origin) -> None:
        """Answers 401 unless this is a code of the account's second factor."""
        counter = self._parts.attempts.factor(account.id)
        await self._parts.attempts.count(counter)
        passes = await self._factor.passes(account, code) or await self._recovery.passes(
            account, code
        )
        if not passes:
            await self._denied("mfa.prove", account, origin)
            raise invalid_credentials()
        await self._parts.attempts.forgive(counter)

    async def _off(self, account: AccountRow) -> None:
        without = replace(account, totp=None, totp_offered=None, totp_offered_at=None)
        await self._store.accounts.change(
            without, account.status, "totp", "totp_offered", "totp_offered_at"
        )
        # Codes stand in for whatever second factor is left.
        if not await self._store.passkeys.count(account.id):
            await self._store.accounts.replace_codes(account.id, ())
        await self._tell(account, "mfa_off")

    async def _codes(self, account: AccountRow, codes: tuple[str, ...]) -> None:
        hashed = tuple(map(recovery.canonical, codes))
        await self._store.accounts.replace_codes(account.id, hashed)

    async def _tell(self, account: AccountRow, change: SecurityChange) -> None:
        letter = SecurityChanged(change=change, at=self._parts.clock.now())
        await self._parts.mailer.queue(account.email, letter)

    async def _denied(self, action: str, account: AccountRow, origin: Origin) -> None:
        await self._parts.trail.record(
            action, origin, account, outcome="denied", reason="wrong-code"
        )

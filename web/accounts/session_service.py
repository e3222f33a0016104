"""Sessions: opened by a login, kept by their refresh tokens, ended by their owner or by us."""

from __future__ import annotations

import hmac
from datetime import timedelta

from msgspec import Struct
from msgspec.structs import replace

from actors.domain.kernel import Sender
from storage.accounts.row import AccountRow, RefreshRow, SessionRow, SessionStatus
from web.accounts import opaque
from web.accounts.errors import invalid_credentials
from web.accounts.origin import Origin
from web.accounts.parts import Parts
from web.accounts.session_machine import SESSION, EndReason, lifetime
from web.accounts.signing import AccessTokens, Issued
from web.accounts.trail import NOWHERE
from web.mail.letter import SecurityChanged
from web.problems import not_visible

# Within which a repeat under the same Idempotency-Key is a client whose answer was lost.
RETRY_S = 120.0


class Opened(Struct, frozen=True):
    """A session with what its bearer is given. `refresh_token` None: it has none yet."""

    account: AccountRow
    session: SessionRow
    access: Issued
    refresh_token: str | None


class Sessions:
    """Raises RecordsUnavailable and AuditUnavailable in all methods."""

    def __init__(self, parts: Parts, tokens: AccessTokens) -> None:
        self._parts = parts
        self._tokens = tokens
        self._store = parts.store

    # Opening. These run inside the transaction of whoever knows that it may be opened.

    async def begin(
        self,
        account: AccountRow,
        status: SessionStatus,
        amr: tuple[str, ...],
        origin: Origin,
        ticket: str | None = None,
    ) -> SessionRow:
        """A new session in its first status."""
        row = self._timed(
            SessionRow(
                id=self._parts.new_id(),
                account_id=account.id,
                status=status,
                amr=amr,
                client=origin.client,
                attempts=0,
                created_at=self._parts.now,
                seen_at=self._parts.now,
                idle_at=self._parts.now,
                expires_at=self._parts.now,
            ),
            account,
        )
        await self._store.sessions.add(row, ticket)
        return row

    async def activate(
        self, session: SessionRow, trigger: str, account: AccountRow, amr: tuple[str, ...]
    ) -> SessionRow:
        """By a second factor, passed or enrolled. Answers 401 where it is not in that status."""
        if not SESSION.can(session.status, trigger):
            raise invalid_credentials()
        status: SessionStatus = SESSION.next(session.status, trigger)  # type: ignore[assignment]  # a table is of str
        active = self._timed(replace(session, status=status, amr=amr), account)
        if not await self._store.sessions.change(active, session.status):
            raise invalid_credentials()
        return active

    async def refresh_token(self, session: SessionRow) -> str:
        """An active session's first."""
        token = opaque.new_token()
        await self._store.sessions.add_refresh(token, session.id, self._parts.now)
        return token

    def opened(self, account: AccountRow, session: SessionRow, refresh_token: str | None) -> Opened:
        return Opened(account, session, self._tokens.issue(account, session), refresh_token)

    def _timed(self, row: SessionRow, account: AccountRow) -> SessionRow:
        now, life = self._parts.now, lifetime(row.status, account.role)
        end = now + timedelta(seconds=life.most_s)
        idle = now + timedelta(seconds=life.idle_s)
        return replace(row, seen_at=now, idle_at=min(idle, end), expires_at=end)

    def over(self, session: SessionRow) -> bool:
        """Ended, or nobody used it in time."""
        now = self._parts.now
        return session.status == "ended" or now >= session.idle_at or now >= session.expires_at

    # Going on.

    async def refresh(self, token: str, key: str | None, origin: Origin) -> Opened:
        """Rotate: the token is used up, and its successor given.

        One that was used before ends the session, for there are two who have it; but a repeat of
        the same request (`key`, its Idempotency-Key) is given the same successor again. Answers
        401 for all that is not a live token, whatever it was.
        """
        retry = opaque.retry_key(token, key)
        async with self._store.transaction():
            row, session, account = await self._live(token)
            nonce = row.nonce if self._repeated(row, retry) else None
            if row.used_at is None:
                nonce = opaque.new_nonce()
                session = await self._used(token, retry, nonce, session, account)
            elif nonce is None:
                await self._store.sessions.end(session.id, "reused", self._parts.now)
                letter = SecurityChanged(change="session_reused", at=self._parts.clock.now())
                await self._parts.mailer.queue(account.email, letter)
        if nonce is None:
            await self._parts.trail.record(
                "session.reused", origin, account, outcome="denied", session_id=session.id
            )
            raise invalid_credentials()
        return self.opened(account, session, opaque.successor(token, nonce))

    async def _live(self, token: str) -> tuple[RefreshRow, SessionRow, AccountRow]:
        """What the token stands for, locked against its other uses. Answers 401."""
        row = await self._store.sessions.refresh(token)
        if row is None:
            raise invalid_credentials()
        session = await self._store.sessions.by_id(row.session_id, lock=True)
        if session is None or session.status != "active" or self.over(session):
            raise invalid_credentials()
        account = await self._store.accounts.by_id(session.account_id)
        if account is None or account.status != "active":
            raise invalid_credentials()
        return row, session, account

    async def _used(
        self,
        token: str,
        retry: bytes | None,
        nonce: bytes,
        session: SessionRow,
        account: AccountRow,
    ) -> SessionRow:
        now = self._parts.now
        idle = now + timedelta(seconds=lifetime(session.status, account.role).idle_s)
        seen = replace(session, seen_at=now, idle_at=min(idle, session.expires_at))
        await self._store.sessions.use_refresh(token, now, retry, nonce)
        await self._store.sessions.add_refresh(opaque.successor(token, nonce), session.id, now)
        await self._store.sessions.change(seen, "active")
        return seen

    def _repeated(self, row: RefreshRow, retry: bytes | None) -> bool:
        if row.used_at is None or row.retry_key is None or retry is None:
            return False
        late = (self._parts.now - row.used_at).total_seconds() > RETRY_S
        return not late and hmac.compare_digest(row.retry_key, retry)

    # Seeing and ending.

    async def of_account(self, account_id: str) -> tuple[SessionRow, ...]:
        """Those that are open, newest first."""
        found = await self._store.sessions.of_account(account_id)
        return tuple(row for row in found if not self.over(row))

    async def end_own(
        self, account_id: str, session_id: str, why: EndReason, origin: Origin
    ) -> None:
        """One of the account's. Answers 404 for another's; ending what has ended is a success."""
        row = await self._store.sessions.by_id(session_id)
        if row is None or row.account_id != account_id:
            raise not_visible("session")
        await self._end(row, why, None, origin)

    async def end(
        self,
        session_id: str,
        why: EndReason = "revoked",
        by: Sender | None = None,
        origin: Origin = NOWHERE,
    ) -> bool:
        """Its sockets close, and its tokens are refused, on all nodes. False: it had ended."""
        row = await self._store.sessions.by_id(session_id)
        return row is not None and await self._end(row, why, by, origin)

    async def _end(
        self, row: SessionRow, why: EndReason, by: Sender | None, origin: Origin
    ) -> bool:
        account = await self._store.accounts.by_id(row.account_id)
        async with self._store.transaction():
            ended = await self._store.sessions.end(row.id, why, self._parts.now)
            if ended:
                await self._parts.trail.record(
                    "session.ended", origin, account, by=by, reason=why, session_id=row.id
                )
        return ended

    async def end_others(self, account: AccountRow, session_id: str, origin: Origin) -> None:
        """All of an account's but this one."""
        async with self._store.transaction():
            await self.end_all(account, "revoked", origin=origin, except_id=session_id)

    async def end_all(
        self,
        account: AccountRow,
        why: EndReason,
        by: Sender | None = None,
        origin: Origin = NOWHERE,
        except_id: str | None = None,
    ) -> int:
        """All of an account's but one; how many there were. Inside a transaction."""
        ended = await self._store.sessions.end_all(account.id, why, self._parts.now, except_id)
        for session_id in ended:
            await self._parts.trail.record(
                "session.ended", origin, account, by=by, reason=why, session_id=session_id
            )
        return len(ended)

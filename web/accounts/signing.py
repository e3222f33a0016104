"""The keys that sign access tokens, how they follow each other, and the tokens.

A key signs for a month and verifies until the last of its tokens has ended. Its successor is made a
day before, and lies in the JWKS for at least `AHEAD_S` before it signs, so that whoever keeps a
copy of the JWKS, and every worker of ours, has it by then. All workers read the keys when they hear
from PostgreSQL that there are others, and every minute besides, should that notice get lost; one of
them, under a lock, makes the next.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
from base64 import urlsafe_b64encode
from hashlib import sha256
from typing import Any, Final

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from msgspec import Struct

from actors.ports import Clock
from storage.accounts import AccountStore
from storage.accounts.row import AccountRow, SessionRow, SigningKeyRow
from storage.encryption import EncryptionError
from storage.records import RecordsUnavailable
from web import tokens
from web.accounts.kept_keys import KeptKeys
from web.times import moment

log = logging.getLogger(__name__)

# How long a token is good that nobody could be told is over.
TTL_S: Final = 15 * 60.0
# So long at most does a key that got away unnoticed sign for a thief.
SIGNS_S: Final = 30 * 86_400.0
# Time to find and mend what keeps the successor from being made.
SUCCESSOR_S: Final = 86_400.0
# Twice what a copy of the JWKS may be kept (jwks.py), and ten reloads.
AHEAD_S: Final = 600.0
# One small query by each worker. So long at most is a revoked key good where the notice of it was
# lost and PostgreSQL can be asked.
RELOAD_S: Final = 60.0
# Of an ended key's tokens the last may be this much younger than the key's end says.
_MARGIN_S: Final = 60.0
_RAW: Final = serialization.Encoding.Raw


class Issued(Struct, frozen=True):
    """An access token, and for how many seconds it is good."""

    token: str
    ttl_s: float


class SigningKeys:
    """`verifying`: the public keys by kid, for web.tokens.verify; always the newest known. `kept`:
    where they are put as well, for a worker that starts without PostgreSQL."""

    def __init__(self, store: AccountStore, clock: Clock, kept: KeptKeys | None = None) -> None:
        self._store = store
        self._clock = clock
        self._kept = kept
        self._known: tuple[SigningKeyRow, ...] = ()
        self.verifying: dict[str, Ed25519PublicKey] = {}
        self._private: dict[str, Ed25519PrivateKey] = {}
        self._reading = asyncio.Lock()
        self._changed = asyncio.Event()
        self._keeping: tuple[asyncio.Task[None], ...] = ()

    async def start(self) -> None:
        """Raises RecordsUnavailable: a worker without keys is of no use."""
        await self.reload()
        self._keeping = (
            asyncio.create_task(self._keep(), name="signing-keys"),
            asyncio.create_task(self._follow(), name="signing-keys-changed"),
        )

    async def close(self) -> None:
        for task in self._keeping:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    def changed(self) -> None:
        """Somebody says that there are others now: they are read as soon as may be."""
        self._changed.set()

    async def _keep(self) -> None:
        while True:
            await self._clock.sleep(RELOAD_S)
            await self._reread()

    async def _follow(self) -> None:
        while True:
            await self._changed.wait()
            self._changed.clear()
            await self._reread()

    async def _reread(self) -> None:
        try:
            await self.reload()
        except (RecordsUnavailable, EncryptionError) as error:
            # What is known goes on: keys are there long before they are needed.
            log.warning("signing keys not read: %s", type(error).__name__)

    async def reload(self) -> None:
        """Read them; make the first, and each next one when its time has come."""
        async with self._reading:  # or what was read first might be taken last
            now = self._clock.now()
            rows = await self._store.keys.known(moment(now))
            if self._wanted(rows, now):
                rows = await self._make()
            self._take(rows)
            if self._kept is not None:
                await asyncio.to_thread(self._kept.write, self._known)

    async def rotate(self) -> str:
        """A new key now; in AHEAD_S it signs, and the one before no more. Its kid."""
        return await self._replace(AHEAD_S, forget=False)

    async def revoke(self) -> str:
        """A key has got away: none but a new one verifies from now on, so that every client must
        refresh. Other processes hear of it with the commit; one whose notice was lost reads it
        within RELOAD_S, one that is cut off from PostgreSQL when it is back. The new key's kid."""
        return await self._replace(0.0, forget=True)

    async def _replace(self, ahead_s: float, *, forget: bool) -> str:
        async with self._store.transaction():
            await self._store.keys.lock()
            if forget:
                await self._store.keys.forget_all()
            new = await self._add(self._clock.now() + ahead_s)
        await self.reload()
        return new.kid

    def _wanted(self, rows: tuple[SigningKeyRow, ...], now: float) -> bool:
        soon = moment(now + SUCCESSOR_S)
        return not any(row.signs_until > soon for row in rows)

    async def _make(self) -> tuple[SigningKeyRow, ...]:
        now = self._clock.now()
        async with self._store.transaction():
            await self._store.keys.lock()
            rows = await self._store.keys.known(moment(now))
            if self._wanted(rows, now):  # nobody else did meanwhile
                signing = any(row.signs_from <= moment(now) < row.signs_until for row in rows)
                await self._add(now + AHEAD_S if signing else now)
                rows = await self._store.keys.known(moment(now))
        return rows

    async def _add(self, signs_from: float) -> SigningKeyRow:
        pair = Ed25519PrivateKey.generate()
        public = pair.public_key().public_bytes(_RAW, serialization.PublicFormat.Raw)
        until = signs_from + SIGNS_S
        row = SigningKeyRow(
            kid=thumbprint(public),
            private=pair.private_bytes(
                _RAW, serialization.PrivateFormat.Raw, serialization.NoEncryption()
            ),
            public=public,
            created_at=moment(self._clock.now()),
            signs_from=moment(signs_from),
            signs_until=moment(until),
            verifies_until=moment(until + TTL_S + _MARGIN_S),
        )
        await self._store.keys.add(row)
        log.info("a new signing key %s, which signs from %s", row.kid, row.signs_from.isoformat())
        return row

    def _take(self, rows: tuple[SigningKeyRow, ...]) -> None:
        self._known = tuple(sorted(rows, key=lambda row: row.signs_from))
        self._private = {row.kid: Ed25519PrivateKey.from_private_bytes(row.private) for row in rows}
        public = {row.kid: Ed25519PublicKey.from_public_bytes(row.public) for row in rows}
        # The same mapping for good: verifiers hold on to it.
        self.verifying.update(public)
        for kid in self.verifying.keys() - public.keys():
            del self.verifying[kid]

    def signing(self) -> tuple[str, Ed25519PrivateKey]:
        """The newest key whose time to sign has come. Raises RecordsUnavailable without one."""
        now = moment(self._clock.now())
        for row in reversed(self._known):
            if row.signs_from <= now < row.signs_until:
                return row.kid, self._private[row.kid]
        raise RecordsUnavailable("there is no key to sign with")

    def jwks(self) -> dict[str, Any]:
        """RFC 7517 and 8037: all that verify something, or will."""
        return {
            "keys": [
                {
                    "kty": "OKP",
                    "crv": "Ed25519",
                    "use": "sig",
                    "alg": tokens.ASYMMETRIC,
                    "kid": row.kid,
                    "x": _base64url(row.public),
                }
                for row in self._known
            ]
        }


class AccessTokens:
    """Makes access tokens of sessions."""

    def __init__(self, keys: SigningKeys, clock: Clock) -> None:
        self._keys = keys
        self._clock = clock

    def issue(self, account: AccountRow, session: SessionRow) -> Issued:
        """Good for 15 minutes, or until the session ends. Raises RecordsUnavailable."""
        now = self._clock.now()
        ttl_s = min(TTL_S, session.expires_at.timestamp() - now)
        kid, key = self._keys.signing()
        claims = tokens.SessionClaims(
            role=account.role,
            subject=account.subject,
            account_id=account.id,
            session_id=session.id,
            amr=session.amr,
            authenticated_at=session.created_at.timestamp(),
            jti=secrets.token_urlsafe(12),
            enrolling=session.status == "enrolling",
        )
        return Issued(tokens.issue_access(kid, key, claims, ttl_s, now), ttl_s)


def thumbprint(public: bytes) -> str:
    """RFC 7638: the SHA-256 of the key as canonical JSON."""
    canonical = f'{{"crv":"Ed25519","kty":"OKP","x":"{_base64url(public)}"}}'
    return _base64url(sha256(canonical.encode()).digest())


def _base64url(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()

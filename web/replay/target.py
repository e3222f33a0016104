"""What a replay plays against, and how it speaks for patients, crews and staff there.

Each of them has a token of its own. For the `up` of a data folder they are signed with the folder's
secret; for a service elsewhere the service is asked for them (`POST /api/tokens`, for admins), or
its signing secret is read from a file.
"""

from __future__ import annotations

import ssl
import time
from pathlib import Path
from typing import Final, Protocol

from msgspec import Struct

from config import Secret
from web import tokens
from web.cli.running import running_settings, running_state
from web.replay.door import Door
from web.replay.errors import TargetRefused
from web.tls.context import client_context, trusting
from web.tokens import TokenRole

# Longer than any replay; a new one is got when it is used up.
TTL_S: Final = 12 * 3600.0
_RENEW_S: Final = 300.0
DESK: Final = "replay"


class Tokens(Protocol):
    """Bearer tokens for whom a replay acts for."""

    async def token(self, role: TokenRole, subject: str) -> str:
        """One that is good for some minutes at least. Raises ReplayError."""
        ...


class SigningTokens:
    """Signs them itself."""

    def __init__(self, secret: Secret) -> None:
        self._secret = secret
        self._kept: dict[tuple[str, str], tuple[str, float]] = {}

    async def token(self, role: TokenRole, subject: str) -> str:
        now = time.time()
        kept = self._kept.get((role, subject))
        if kept is None or kept[1] < now + _RENEW_S:
            kept = (tokens.issue(self._secret.reveal(), role, subject, TTL_S, now), now + TTL_S)
            self._kept[role, subject] = kept
        return kept[0]


class IssuedTokens:
    """Asks the service for them, as an admin. `door` is the caller's to close."""

    def __init__(self, door: Door, admin_token: str) -> None:
        self._door = door
        self._admin_token = admin_token
        self._kept: dict[tuple[str, str], tuple[str, float]] = {}

    async def token(self, role: TokenRole, subject: str) -> str:
        now = time.time()
        kept = self._kept.get((role, subject))
        if kept is None or kept[1] < now + _RENEW_S:
            body = {"role": role, "subject": subject, "ttl_s": TTL_S}
            path = "/api/tokens"
            issued = await self._door.post(path, self._admin_token, body, key=None)
            kept = (issued["token"], now + TTL_S)
            self._kept[role, subject] = kept
        return kept[0]


class Target(Struct, frozen=True, kw_only=True):
    """Where the service is, and what proves who we are: a signing secret or an admin's token.

    `trust`: whom its certificate must come from, where that is not the system's authorities.
    """

    url: str
    region: str
    secret: Secret | None = None
    admin_token: Secret | None = None
    trust: ssl.SSLContext | None = None

    def tokens(self, door: Door) -> Tokens:
        """`door` leads to the same service."""
        if self.secret is not None:
            return SigningTokens(self.secret)
        assert self.admin_token is not None, "one of the two is given"
        return IssuedTokens(door, self.admin_token.reveal())


def of_folder(data: Path, region: str | None = None) -> Target:
    """The running `up` of a data folder. Raises TargetRefused where none runs."""
    settings = running_settings(data)
    state = running_state(data)
    if settings is None or state is None or state.url is None or settings.token_secret is None:
        raise TargetRefused(
            f"nothing runs for {data}; start it with `maxray up --data {data}`, or name a service "
            "elsewhere with --url and --token"
        )
    try:
        trust = client_context(settings)
    except OSError as error:
        raise TargetRefused(f"the service's certificate cannot be read: {error}") from None
    return Target(
        url=state.url,
        region=region or settings.region,
        secret=settings.token_secret,
        trust=trust,
    )


def elsewhere(
    url: str,
    token: str | None,
    secret_file: Path | None,
    region: str | None = None,
    authority: Path | None = None,
) -> Target:
    """A service at an URL. Raises TargetRefused where it is not said how to sign in there.

    `authority`: a file with the certificate that the service's must come from.
    """
    if not url.startswith(("http://", "https://")):
        raise TargetRefused(f"{url!r} is no http(s) URL")
    region = region or "city"
    try:
        trust = None if authority is None else trusting(authority)
    except OSError as error:
        raise TargetRefused(f"{authority} is no file of certificates: {error}") from None
    if secret_file is not None:
        try:
            secret = Secret(secret_file.read_text().strip())
        except OSError as error:
            raise TargetRefused(f"{secret_file}: {error.strerror}") from None
        return Target(url=url, region=region, secret=secret, trust=trust)
    if not token:
        raise TargetRefused("a service elsewhere needs --token (an admin's) or --token-secret-file")
    return Target(url=url, region=region, admin_token=Secret(token), trust=trust)

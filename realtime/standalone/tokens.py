"""JSON Web Tokens with the claims that the Centrifugo docs publish, for connections and channels.

Connection: `sub` (user), `exp`, `expire_at`, `info`, `b64info`, `channels`, `subs`, `meta`, `jti`,
`aud`, `iss`. Subscription: the same and `channel`. A token without `exp` does not expire;
`expire_at` says when the connection or subscription does, apart from the token (0: never).
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import json
from collections.abc import Mapping
from typing import Any, Final

import jwt
import msgspec
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from msgspec import Struct

from realtime.errors import InvalidToken, RealtimeError, TokenExpired
from realtime.standalone.options import TokenOptions

_HMAC: Final = ("HS256", "HS384", "HS512")
_RSA: Final = ("RS256", "RS384", "RS512")
_ECDSA: Final = ("ES256", "ES384", "ES512")
# A key set that cannot be fetched must not hold up every connection for long.
_FETCH_TIMEOUT_S: Final = 5


class BoolOverride(Struct, frozen=True):
    value: bool = False


class Override(Struct, frozen=True):
    """Channel options that this token sets otherwise than the namespace does."""

    presence: BoolOverride | None = None
    join_leave: BoolOverride | None = None
    force_recovery: BoolOverride | None = None
    force_positioning: BoolOverride | None = None
    force_push_join_leave: BoolOverride | None = None


NOTHING_OVERRIDDEN: Final = Override()


class Granted(Struct, frozen=True):
    """What `subs` says of one channel: the server subscribes the connection to it."""

    info: msgspec.Raw = msgspec.Raw(b"")
    b64info: str = ""
    data: msgspec.Raw = msgspec.Raw(b"")
    b64data: str = ""
    override: Override = Override()


class _Claims(Struct, frozen=True):
    sub: str = ""
    channel: str = ""
    exp: float | None = None
    nbf: float | None = None
    expire_at: float | None = None
    info: msgspec.Raw = msgspec.Raw(b"")
    b64info: str = ""
    channels: tuple[str, ...] = ()
    subs: dict[str, Granted] = {}
    override: Override = Override()
    jti: str = ""


class Claims(Struct, frozen=True):
    """A verified token. `expires_at`: Unix seconds, None for never."""

    user: str
    channel: str
    expires_at: float | None
    info: bytes
    channels: tuple[str, ...]
    subs: Mapping[str, Granted]
    override: Override
    token_id: str


class TokenVerifier:
    """Keys are chosen by the token's algorithm, so that no key is ever used for another family."""

    def __init__(self, options: TokenOptions) -> None:
        """Raises ValueError for keys that are none."""
        self._options = options
        self._keys: dict[str, Any] = {}
        if options.hmac_secret_key:
            self._keys |= dict.fromkeys(_HMAC, options.hmac_secret_key)
        if options.rsa_public_key:
            key = load_pem_public_key(options.rsa_public_key.encode())
            self._keys |= dict.fromkeys(_RSA, key)
        if options.ecdsa_public_key:
            key = load_pem_public_key(options.ecdsa_public_key.encode())
            self._keys |= dict.fromkeys(_ECDSA, key)
        endpoint = options.jwks_public_endpoint
        self._key_set = jwt.PyJWKClient(endpoint, timeout=_FETCH_TIMEOUT_S) if endpoint else None

    async def verify(self, token: str, now: float) -> Claims:
        """Raises TokenExpired, InvalidToken; RealtimeError when the key set cannot be fetched."""
        try:
            header = jwt.get_unverified_header(token)
            algorithm = str(header["alg"])
            key = await self._key(token, algorithm)
            # The times are checked below, against `now`; what is not configured is not demanded.
            payload = jwt.decode_complete(
                token,
                key,
                algorithms=[algorithm],
                audience=self._options.audience or None,
                issuer=self._options.issuer or None,
                options={
                    "verify_exp": False,
                    "verify_nbf": False,
                    "verify_iat": False,
                    "verify_aud": bool(self._options.audience),
                    "verify_iss": bool(self._options.issuer),
                    "verify_sub": False,
                    "verify_jti": False,
                },
            )["payload"]
            claims = msgspec.json.decode(json.dumps(payload), type=_Claims)
        except jwt.PyJWKClientConnectionError as error:
            raise RealtimeError("the key set cannot be fetched") from error
        except (jwt.PyJWTError, msgspec.MsgspecError, KeyError, ValueError) as error:
            raise InvalidToken(str(error)) from None
        return self._checked(claims, payload, now)

    async def _key(self, token: str, algorithm: str) -> Any:
        if self._key_set is not None and algorithm in _RSA + _ECDSA:
            found = await asyncio.to_thread(self._key_set.get_signing_key_from_jwt, token)
            return found.key
        if algorithm not in self._keys:
            raise InvalidToken(f"no key for tokens signed with {algorithm}")
        return self._keys[algorithm]

    def _checked(self, claims: _Claims, payload: Mapping[str, Any], now: float) -> Claims:
        if claims.exp is not None and now >= claims.exp:
            raise TokenExpired("the token has expired")
        if claims.nbf is not None and now < claims.nbf:
            raise InvalidToken("the token is not valid yet")
        expires_at = claims.exp if claims.expire_at is None else claims.expire_at or None
        named = self._options.user_id_claim
        return Claims(
            str(payload.get(named, "")) if named else claims.sub,
            claims.channel,
            expires_at,
            payload_of(claims.info, claims.b64info),
            claims.channels,
            claims.subs,
            claims.override,
            claims.jti,
        )


def payload_of(json_value: msgspec.Raw, b64: str) -> bytes:
    """A payload given as JSON or, for binary formats, as base64. Raises InvalidToken."""
    if b64:
        try:
            return base64.b64decode(b64, validate=True)
        except binascii.Error:
            raise InvalidToken("not base64") from None
    return bytes(json_value)

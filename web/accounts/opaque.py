"""Opaque tokens: 256 random bits for whoever holds them, a hash of them for us."""

from __future__ import annotations

import hmac
import secrets
from base64 import urlsafe_b64encode
from hashlib import sha256
from typing import Final

_BYTES: Final = 32


def new_token() -> str:
    """For a link, a ticket, a first refresh token."""
    return secrets.token_urlsafe(_BYTES)


def new_nonce() -> bytes:
    return secrets.token_bytes(_BYTES)


def successor(token: str, nonce: bytes) -> str:
    """The refresh token after `token`: only who has the token *and* our nonce can tell it.

    So it can be given again to a repeated request, although nothing of it is kept.
    """
    digest = hmac.digest(token.encode(), nonce, "sha256")
    return urlsafe_b64encode(digest).rstrip(b"=").decode()


def retry_key(token: str, idempotency_key: str | None) -> bytes | None:
    """What is kept of the Idempotency-Key that a refresh token was used under."""
    if idempotency_key is None:
        return None
    return sha256(f"{token}\0{idempotency_key}".encode()).digest()

"""Tokens as an application's back end makes them."""

from __future__ import annotations

import math
import time
from typing import Any

import jwt

from tests.acceptance.sdk.settings import SECRET


def connection(user: str, *, lives_s: float | None = None, **claims: Any) -> str:
    """For a connection. `lives_s` may be negative: expired."""
    return _signed({"sub": user, **claims}, lives_s)


def subscription(user: str, channel: str, *, lives_s: float | None = None, **claims: Any) -> str:
    """For one channel."""
    return _signed({"sub": user, "channel": channel, **claims}, lives_s)


def forged(user: str) -> str:
    """Signed by somebody else."""
    return jwt.encode({"sub": user}, "another-secret-that-is-long-enough-0123456789", "HS256")


def _signed(claims: dict[str, Any], lives_s: float | None) -> str:
    if lives_s is not None:
        # Whole seconds, as most libraries write them; never less than was asked for.
        claims = {**claims, "exp": math.ceil(time.time() + lives_s)}
    return jwt.encode(claims, SECRET, "HS256")

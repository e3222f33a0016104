"""Ids of commands: random where nobody will repeat it, else derived from who says which key where.

A derived id is a hash over the caller's role and subject too, so that no caller can name, and be
given the answer of, another caller's command.
"""

from __future__ import annotations

import secrets
from hashlib import blake2b

from actors.domain.kernel import Sender


def random_id() -> str:
    """128 random bits in hex."""
    return secrets.token_hex(16)


def derived_id(by: Sender, scope: str, key: str) -> str:
    """The id of the command that `by` calls `key` in `scope` (a route, a method)."""
    parts = "\0".join((by.role, by.subject, scope, key))
    return blake2b(parts.encode(), digest_size=16).hexdigest()

"""The passkeys' tables for Piccolo. What they hold the rows to besides: m0011_passkeys.py."""

from __future__ import annotations

from piccolo.columns import UUID, BigInt, Bytea, Timestamptz
from piccolo.table import Table

from storage.engine import CURRENT


class Passkey(Table, tablename="passkey", db=CURRENT):
    """A public key that its owner's device answers challenges for."""

    id = UUID(primary_key=True, default=None)
    account_id = UUID(default=None)
    digest = Bytea(default=None)
    sealed = Bytea(default=None)
    sign_count = BigInt(default=0)
    created_at = Timestamptz(default=None)
    used_at = Timestamptz(null=True, default=None)


class PasskeyChallenge(Table, tablename="passkey_challenge", db=CURRENT):
    """A challenge that was used, kept until it would have expired."""

    digest = Bytea(primary_key=True, default=None)
    expires_at = Timestamptz(default=None)

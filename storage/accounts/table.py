"""The accounts' tables for Piccolo. What they hold the rows to besides: m0010_accounts.py,
m0012_links_counted.py."""

from __future__ import annotations

from piccolo.columns import UUID, Array, BigInt, Bytea, SmallInt, Text, Timestamptz
from piccolo.table import Table

from storage.engine import CURRENT


class Account(Table, tablename="account", db=CURRENT):
    """Somebody who may log in."""

    id = UUID(primary_key=True, default=None)
    role = Text(default=None)
    subject = Text(default="")
    status = Text(default=None)
    email_digest = Bytea(default=None)
    email = Bytea(default=None)
    password = Text(null=True, default=None)
    totp = Bytea(null=True, default=None)
    totp_offered = Bytea(null=True, default=None)
    totp_offered_at = Timestamptz(null=True, default=None)
    totp_step = BigInt(default=0)
    created_at = Timestamptz(default=None)
    updated_at = Timestamptz(default=None)
    verified_at = Timestamptz(null=True, default=None)


class AccountLink(Table, tablename="account_link", db=CURRENT):
    """A link somebody was sent by mail: good once, for one purpose."""

    digest = Bytea(primary_key=True, default=None)
    account_id = UUID(default=None)
    purpose = Text(default=None)
    sealed = Bytea(default=None)
    created_at = Timestamptz(default=None)
    expires_at = Timestamptz(default=None)
    counted_as = Bytea(null=True, default=None)


class RecoveryCode(Table, tablename="recovery_code", db=CURRENT):
    """Good once in place of a code, when the device that makes them is lost."""

    digest = Bytea(primary_key=True, default=None)
    account_id = UUID(default=None)
    used_at = Timestamptz(null=True, default=None)


class Session(Table, tablename="session", db=CURRENT):
    """One login on one device."""

    id = UUID(primary_key=True, default=None)
    account_id = UUID(default=None)
    status = Text(default=None)
    amr = Array(base_column=Text(), default=list)
    client = Bytea(default=None)
    ticket = Bytea(null=True, default=None)
    attempts = SmallInt(default=0)
    created_at = Timestamptz(default=None)
    seen_at = Timestamptz(default=None)
    idle_at = Timestamptz(default=None)
    expires_at = Timestamptz(default=None)
    ended_at = Timestamptz(null=True, default=None)
    ended_why = Text(null=True, default=None)


class RefreshToken(Table, tablename="refresh_token", db=CURRENT):
    """Which refresh tokens a session was given, and which of them were used."""

    digest = Bytea(primary_key=True, default=None)
    session_id = UUID(default=None)
    issued_at = Timestamptz(default=None)
    used_at = Timestamptz(null=True, default=None)
    retry_key = Bytea(null=True, default=None)
    nonce = Bytea(null=True, default=None)


class SigningKey(Table, tablename="signing_key", db=CURRENT):
    """A key pair that signs access tokens."""

    kid = Text(primary_key=True, default=None)
    private = Bytea(default=None)
    public = Bytea(default=None)
    created_at = Timestamptz(default=None)
    signs_from = Timestamptz(default=None)
    signs_until = Timestamptz(default=None)
    verifies_until = Timestamptz(default=None)


ACCOUNT_TABLES: list[type[Table]] = [
    Account,
    AccountLink,
    RecoveryCode,
    Session,
    RefreshToken,
    SigningKey,
]

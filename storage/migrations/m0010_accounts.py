"""Accounts, the links they are sent, their sessions and tokens, and the keys that sign tokens.

What is secret or personal is sealed before it comes here; what is looked up is a keyed hash
(addresses of mail) or a plain hash of 256 random bits (links, tickets, refresh tokens).
"""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from storage.migrate import run_sql

ID = "0010_accounts"
VERSION = "1.38.0"
DESCRIPTION = "accounts, sessions, signing keys"

_SQL = """
CREATE TABLE account (
    id               uuid        PRIMARY KEY,
    role             text        NOT NULL
        CHECK (role IN ('patient', 'paramedic', 'doctor', 'ops', 'admin', 'auditor')),
    -- Whom its tokens speak for; '' until that is known.
    subject          text        NOT NULL,
    status           text        NOT NULL
        CHECK (status IN ('invited', 'unverified', 'active', 'disabled')),
    email_digest     bytea       NOT NULL UNIQUE,
    email            bytea       NOT NULL,
    password         text,
    totp             bytea,
    totp_offered     bytea,
    totp_offered_at  timestamptz,
    -- The newest time step whose code was used: neither it nor an older one is taken again.
    totp_step        bigint      NOT NULL,
    created_at       timestamptz NOT NULL,
    updated_at       timestamptz NOT NULL,
    verified_at      timestamptz,
    CHECK (status <> 'active' OR (subject <> '' AND verified_at IS NOT NULL))
);
CREATE UNIQUE INDEX account_by_subject ON account (role, subject) WHERE subject <> '';

CREATE TABLE account_link (
    digest     bytea       PRIMARY KEY,
    account_id uuid        NOT NULL REFERENCES account ON DELETE CASCADE,
    purpose    text        NOT NULL CHECK (purpose IN ('verify', 'reset', 'email', 'invite')),
    sealed     bytea       NOT NULL,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL
);
CREATE INDEX account_link_by_account ON account_link (account_id, purpose);
CREATE INDEX account_link_by_end ON account_link (expires_at);

CREATE TABLE recovery_code (
    digest     bytea       PRIMARY KEY,
    account_id uuid        NOT NULL REFERENCES account ON DELETE CASCADE,
    used_at    timestamptz
);
CREATE INDEX recovery_code_by_account ON recovery_code (account_id);

CREATE TABLE session (
    id         uuid        PRIMARY KEY,
    account_id uuid        NOT NULL REFERENCES account ON DELETE CASCADE,
    status     text        NOT NULL
        CHECK (status IN ('challenged', 'enrolling', 'active', 'ended')),
    amr        text[]      NOT NULL,
    client     bytea       NOT NULL,
    -- The hash of the ticket that a challenged session is finished with.
    ticket     bytea       UNIQUE,
    attempts   smallint    NOT NULL,
    created_at timestamptz NOT NULL,
    seen_at    timestamptz NOT NULL,
    idle_at    timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    ended_at   timestamptz,
    ended_why  text,
    CHECK ((status = 'ended') = (ended_at IS NOT NULL AND ended_why IS NOT NULL))
);
CREATE INDEX session_by_account ON session (account_id) WHERE status <> 'ended';
CREATE INDEX session_by_ending ON session (ended_at) WHERE status = 'ended';
CREATE INDEX session_by_expiry ON session (expires_at);

CREATE TABLE refresh_token (
    digest     bytea       PRIMARY KEY,
    session_id uuid        NOT NULL REFERENCES session ON DELETE CASCADE,
    issued_at  timestamptz NOT NULL,
    used_at    timestamptz,
    -- The request that used it, by a hash of its Idempotency-Key, and what its successor follows
    -- from together with the token itself: so a repeat of that request is given the same one.
    retry_key  bytea,
    nonce      bytea
);
CREATE INDEX refresh_token_by_session ON refresh_token (session_id);

CREATE TABLE signing_key (
    kid            text        PRIMARY KEY,
    private        bytea       NOT NULL,
    public         bytea       NOT NULL,
    created_at     timestamptz NOT NULL,
    signs_from     timestamptz NOT NULL,
    signs_until    timestamptz NOT NULL,
    verifies_until timestamptz NOT NULL,
    CHECK (signs_from < signs_until AND signs_until <= verifies_until)
);
"""


async def forwards() -> MigrationManager:
    manager = MigrationManager(migration_id=ID, app_name="storage", description=DESCRIPTION)

    async def tables() -> None:
        await run_sql(_SQL)

    manager.add_raw(tables)
    return manager

"""Passkeys of accounts, and which of the challenges that were given out have been used.

`digest` of a passkey is a keyed hash of its credential's id; the rest of what it is, its public key
too, is sealed and bound to its row and its account: whoever can write the table and nothing else
can neither put a key of theirs into it nor give somebody's passkey to another account.
"""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from storage.migrate import run_sql

ID = "0011_passkeys"
VERSION = "1.38.0"
DESCRIPTION = "passkeys"

_SQL = """
CREATE TABLE passkey (
    id         uuid        PRIMARY KEY,
    account_id uuid        NOT NULL REFERENCES account ON DELETE CASCADE,
    digest     bytea       NOT NULL UNIQUE,
    sealed     bytea       NOT NULL,
    sign_count bigint      NOT NULL CHECK (sign_count >= 0),
    created_at timestamptz NOT NULL,
    used_at    timestamptz
);
CREATE INDEX passkey_by_account ON passkey (account_id);

CREATE TABLE passkey_challenge (
    digest     bytea       PRIMARY KEY,
    expires_at timestamptz NOT NULL
);
CREATE INDEX passkey_challenge_by_end ON passkey_challenge (expires_at);
"""


async def forwards() -> MigrationManager:
    manager = MigrationManager(migration_id=ID, app_name="storage", description=DESCRIPTION)

    async def tables() -> None:
        await run_sql(_SQL)

    manager.add_raw(tables)
    return manager

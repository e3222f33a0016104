"""Mail that is to be sent, and for a while what became of it (storage/mail/)."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from storage.migrate import run_sql

ID = "0020_mail"
VERSION = "1.38.0"
DESCRIPTION = "outbox of e-mail"

# Times are Unix seconds, as in the runtime's tables. `sealed` holds the address and the message; it
# goes when the message is sent or given up. `due_at` of a message that is being sent is the end of
# its lease.
_CREATE = """
CREATE TABLE mail (
    id         uuid             PRIMARY KEY,
    kind       text             NOT NULL,
    sealed     bytea,
    state      text             NOT NULL DEFAULT 'queued',
    attempts   integer          NOT NULL DEFAULT 0,
    created_at double precision NOT NULL,
    expires_at double precision NOT NULL,
    due_at     double precision NOT NULL,
    ended_at   double precision,
    failure    text             NOT NULL DEFAULT '',
    CONSTRAINT mail_state CHECK (state IN ('queued', 'sent', 'dead')),
    CONSTRAINT mail_sealed_while_queued CHECK ((state = 'queued') = (sealed IS NOT NULL)),
    CONSTRAINT mail_ended CHECK ((state = 'queued') = (ended_at IS NULL))
);
CREATE INDEX mail_due ON mail (due_at) WHERE state = 'queued';
CREATE INDEX mail_ended ON mail (ended_at) WHERE state <> 'queued';
"""


async def forwards() -> MigrationManager:
    manager = MigrationManager(migration_id=ID, app_name="storage", description=DESCRIPTION)

    async def create() -> None:
        await run_sql(_CREATE)

    manager.add_raw(create)
    return manager

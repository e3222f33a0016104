"""What people did at the doors, chained (storage/audit/), and the places of the chains' heads.

`audit`, the steps of entities, stays as it is but for two indexes: by time, and by who for all that
are not messages between entities. Both grow at their right edge or by few hot keys, which a commit
hardly feels.

Append-only by trigger, and by privileges: also the tables' owner, whom the service connects as,
may not change or remove a row.
"""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from storage.migrate import run_sql

ID = "0050_audit"
VERSION = "1.38.0"
DESCRIPTION = "audit of access, chain heads"

_SQL = """
CREATE TABLE audit_access (
    writer     text   NOT NULL,
    seq        bigint NOT NULL CHECK (seq > 0),
    at         float8 NOT NULL,
    role       text   NOT NULL,
    subject    text   NOT NULL,
    action     text   NOT NULL,
    kind       text   NOT NULL,
    resource   text   NOT NULL,
    patients   text[] NOT NULL,
    outcome    text   NOT NULL CHECK (outcome IN ('allowed', 'denied', 'failed', 'begun')),
    reason     text   NOT NULL,
    note       bytea,
    address    text   NOT NULL,
    request_id text   NOT NULL,
    details    text   NOT NULL,
    prev       bytea  NOT NULL,
    hash       bytea  NOT NULL,
    PRIMARY KEY (writer, seq)
);
CREATE INDEX audit_access_by_time ON audit_access (at, writer COLLATE "C", seq);
CREATE INDEX audit_access_by_subject ON audit_access (subject, at);
CREATE INDEX audit_access_by_patient ON audit_access USING gin (patients);
CREATE INDEX audit_access_not_allowed ON audit_access (outcome, at) WHERE outcome <> 'allowed';
CREATE INDEX audit_access_begins ON audit_access (at) WHERE action = 'trail.begin';

CREATE INDEX audit_by_time ON audit (at, writer COLLATE "C", seq);
CREATE INDEX audit_by_subject ON audit (subject, at) WHERE role <> 'system';

-- What was written to the object store, in order: `digest` is of the object's bytes.
CREATE TABLE audit_head (
    number bigint PRIMARY KEY CHECK (number > 0),
    at     float8 NOT NULL,
    key    text   NOT NULL,
    digest bytea  NOT NULL
);
-- Up to where each chain has been written out: only to find what is new. No evidence.
CREATE TABLE audit_headed (
    source text   NOT NULL,
    writer text   NOT NULL,
    seq    bigint NOT NULL,
    PRIMARY KEY (source, writer)
);

CREATE TRIGGER audit_access_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_access
    FOR EACH STATEMENT EXECUTE FUNCTION maxray_append_only();
CREATE TRIGGER audit_head_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_head
    FOR EACH STATEMENT EXECUTE FUNCTION maxray_append_only();
-- Also for sessions that pass themselves off as a replica.
ALTER TABLE audit ENABLE ALWAYS TRIGGER audit_append_only;
ALTER TABLE audit_access ENABLE ALWAYS TRIGGER audit_access_append_only;
ALTER TABLE audit_head ENABLE ALWAYS TRIGGER audit_head_append_only;
REVOKE UPDATE, DELETE, TRUNCATE ON audit, audit_access, audit_head FROM PUBLIC, CURRENT_USER;
"""


async def forwards() -> MigrationManager:
    manager = MigrationManager(migration_id=ID, app_name="storage", description=DESCRIPTION)

    async def create() -> None:
        await run_sql(_SQL)

    manager.add_raw(create)
    return manager

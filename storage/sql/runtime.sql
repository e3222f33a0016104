-- The actor runtime's tables and its one-round-trip group commit (DESIGN §3). See actors/ports.py
-- for what each row means. Times are epoch seconds as float8, exactly what the domain computed.

CREATE TABLE maxray_meta (
    key   text PRIMARY KEY,
    value text NOT NULL
);
-- The journal's id: the epoch of every fact channel. A restored or replaced database gets another.
INSERT INTO maxray_meta VALUES ('journal_id', gen_random_uuid()::text);

CREATE TABLE slot (
    id    smallint PRIMARY KEY,
    epoch bigint   NOT NULL DEFAULT 0,
    owner text     NOT NULL DEFAULT ''
) WITH (fillfactor = 20);
INSERT INTO slot (id) SELECT generate_series(0, 127);

-- Up to which journal.seq the publications of a slot's entities have reached the streams. Not a
-- column of `slot`: moving it would wait for the commits that hold those rows, and they for it.
CREATE TABLE watermark (
    slot smallint PRIMARY KEY REFERENCES slot,
    seq  bigint   NOT NULL DEFAULT 0
) WITH (fillfactor = 20);
INSERT INTO watermark (slot) SELECT id FROM slot;

CREATE SEQUENCE journal_seq;

CREATE TABLE journal (
    seq         bigint   NOT NULL DEFAULT nextval('journal_seq'),
    ref         text     NOT NULL,
    version     bigint   NOT NULL CHECK (version > 0),
    slot        smallint NOT NULL,
    at          float8   NOT NULL,
    command_id  text     NOT NULL,
    event       bytea    NOT NULL,
    publication bytea,
    PRIMARY KEY (ref, version)
);
CREATE INDEX journal_by_seq ON journal (seq);

CREATE TABLE entity (
    ref              text     PRIMARY KEY,
    slot             smallint NOT NULL,
    version          bigint   NOT NULL,
    wake_at          float8,
    snapshot_version bigint   NOT NULL DEFAULT 0,
    snapshot         bytea
) WITH (fillfactor = 60);
-- Only entities with a deadline; `wake_at` itself stays out of the index so that moving it is cheap.
CREATE INDEX entity_with_deadline ON entity (slot) WHERE wake_at IS NOT NULL;

CREATE TABLE answer (
    ref         text     NOT NULL,
    command_id  text     NOT NULL,
    fingerprint bytea    NOT NULL,
    status      smallint NOT NULL,
    body        bytea    NOT NULL,
    slot        smallint NOT NULL,
    at          float8   NOT NULL,
    PRIMARY KEY (ref, command_id)
);
CREATE INDEX answer_by_age ON answer USING brin (at);

CREATE TABLE outbox (
    id     text     PRIMARY KEY,
    source text     NOT NULL,
    kind   text     NOT NULL,
    entity text     NOT NULL,
    slot   smallint NOT NULL,
    body   bytea    NOT NULL,
    at     float8   NOT NULL,
    urgent boolean  NOT NULL
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.02);
CREATE INDEX outbox_by_target ON outbox (slot, at);

-- Facts that are unique in the whole system, whatever the code does (DESIGN §3, invariant 7):
-- `live-task:paramedic:<id>` and `live-task:emergency:<id>` among them.
CREATE TABLE claim (
    key    text PRIMARY KEY,
    holder text NOT NULL,
    ref    text NOT NULL
);

CREATE TABLE audit (
    writer     text   NOT NULL,
    seq        bigint NOT NULL,
    at         float8 NOT NULL,
    role       text   NOT NULL,
    subject    text   NOT NULL,
    action     text   NOT NULL,
    ref        text   NOT NULL,
    version    bigint NOT NULL,
    command_id text   NOT NULL,
    prev       bytea  NOT NULL,
    hash       bytea  NOT NULL,
    PRIMARY KEY (writer, seq)
);

CREATE FUNCTION maxray_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'MX009';
END $$;
CREATE TRIGGER audit_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit
    FOR EACH STATEMENT EXECUTE FUNCTION maxray_append_only();
CREATE TRIGGER journal_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON journal
    FOR EACH STATEMENT EXECUTE FUNCTION maxray_append_only();

-- All or none, in one round trip. In a VOLATILE plpgsql function each statement has a fresh
-- snapshot, so what the fence let through is seen by the statements after it.
-- MX001: fenced. MX002: a command id was committed before. 23505 on claim_pkey: a claim is taken.
CREATE FUNCTION maxray_commit(
    fence_slot smallint[], fence_epoch bigint[], committed_at float8,
    j_ref text[], j_version bigint[], j_slot smallint[], j_at float8[], j_command text[],
    j_event bytea[], j_publication bytea[],
    e_ref text[], e_slot smallint[], e_version bigint[], e_wake float8[], e_snapshot bytea[],
    a_ref text[], a_command text[], a_fingerprint bytea[], a_status smallint[], a_body bytea[],
    a_slot smallint[],
    o_id text[], o_source text[], o_kind text[], o_entity text[], o_slot smallint[],
    o_body bytea[], o_at float8[], o_urgent boolean[],
    handled text[],
    c_key text[], c_holder text[], c_ref text[], r_key text[], r_holder text[],
    u_writer text[], u_seq bigint[], u_at float8[], u_role text[], u_subject text[],
    u_action text[], u_ref text[], u_version bigint[], u_command text[], u_prev bytea[],
    u_hash bytea[]
) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    n bigint;
    top bigint := 0;
BEGIN
    -- A share lock: a new owner's raise of the epoch waits for us, or we see that it came first.
    -- In the order in which owners take slots, so that neither ever waits for the other.
    SELECT count(*) INTO n FROM (
        SELECT 1 FROM slot s
        JOIN unnest(fence_slot, fence_epoch) AS f (id, epoch) ON s.id = f.id AND s.epoch = f.epoch
        ORDER BY s.id FOR SHARE OF s
    ) AS held;
    IF n <> cardinality(fence_slot) THEN
        RAISE EXCEPTION 'fenced' USING ERRCODE = 'MX001';
    END IF;

    IF cardinality(a_ref) > 0 THEN
        INSERT INTO answer (ref, command_id, fingerprint, status, body, slot, at)
        SELECT a.*, committed_at
        FROM unnest(a_ref, a_command, a_fingerprint, a_status, a_body, a_slot) AS a
        ON CONFLICT DO NOTHING;
        GET DIAGNOSTICS n = ROW_COUNT;
        IF n <> cardinality(a_ref) THEN
            RAISE EXCEPTION 'duplicate command' USING ERRCODE = 'MX002';
        END IF;
    END IF;

    IF cardinality(r_key) > 0 THEN
        DELETE FROM claim c USING unnest(r_key, r_holder) AS r (key, holder)
        WHERE c.key = r.key AND c.holder = r.holder;
    END IF;
    IF cardinality(c_key) > 0 THEN
        INSERT INTO claim SELECT * FROM unnest(c_key, c_holder, c_ref);
    END IF;

    IF cardinality(j_ref) > 0 THEN
        WITH written AS (
            INSERT INTO journal (ref, version, slot, at, command_id, event, publication)
            SELECT * FROM unnest(j_ref, j_version, j_slot, j_at, j_command, j_event, j_publication)
            RETURNING seq
        ) SELECT max(seq) INTO top FROM written;
        INSERT INTO entity AS e (ref, slot, version, wake_at, snapshot_version, snapshot)
        SELECT ref, slot, version, wake,
               CASE WHEN snapshot IS NULL THEN 0 ELSE version END, snapshot
        FROM unnest(e_ref, e_slot, e_version, e_wake, e_snapshot)
             AS r (ref, slot, version, wake, snapshot)
        ON CONFLICT (ref) DO UPDATE SET
            version = excluded.version,
            wake_at = excluded.wake_at,
            snapshot_version = CASE WHEN excluded.snapshot IS NULL
                               THEN e.snapshot_version ELSE excluded.version END,
            snapshot = coalesce(excluded.snapshot, e.snapshot);
    END IF;

    IF cardinality(handled) > 0 THEN
        DELETE FROM outbox WHERE id = ANY (handled);
    END IF;
    IF cardinality(o_id) > 0 THEN
        INSERT INTO outbox (id, source, kind, entity, slot, body, at, urgent)
        SELECT * FROM unnest(o_id, o_source, o_kind, o_entity, o_slot, o_body, o_at, o_urgent);
    END IF;

    IF cardinality(u_writer) > 0 THEN
        INSERT INTO audit (writer, seq, at, role, subject, action, ref, version, command_id, prev,
                           hash)
        SELECT * FROM unnest(u_writer, u_seq, u_at, u_role, u_subject, u_action, u_ref, u_version,
                             u_command, u_prev, u_hash);
    END IF;
    RETURN top;
END $$;

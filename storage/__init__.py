"""PostgreSQL, S3 and the embedded servers: journal, snapshots, outbox, records, migrations.

May import actors (its ports and domain types) and config; imported by web.
"""

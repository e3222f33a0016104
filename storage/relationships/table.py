"""The tables, as migration 0030 makes them."""

from __future__ import annotations

from piccolo.columns import UUID, Bytea, Text, Timestamptz
from piccolo.table import Table

from storage.engine import CURRENT


class RelationshipTable(Table, tablename="relationship", db=CURRENT):
    """`begins_at` null: invited. `ends_at` then says until when the invitation can be accepted."""

    id = UUID(primary_key=True, default=None)
    kind = Text(default=None)
    role = Text(default=None)
    holder = Text(default=None)
    patient_id = UUID(default=None)
    created_at = Timestamptz(default=None)
    begins_at = Timestamptz(null=True, default=None)
    ends_at = Timestamptz(null=True, default=None)


class BreakGlassTable(Table, tablename="break_glass", db=CURRENT):
    """`reason`, `note`: sealed under the patient's key."""

    id = UUID(primary_key=True, default=None)
    reason = Bytea(default=None)
    verdict = Text(null=True, default=None)
    reviewed_at = Timestamptz(null=True, default=None)
    reviewer_role = Text(null=True, default=None)
    reviewer = Text(null=True, default=None)
    note = Bytea(null=True, default=None)

"""What the service said is done: a line a command, for a checker that compares it with the journal.

The line says what the caller knows: the entity, who the caller is, the route (`POST /api/…`) or the
socket's method, and the key under which the command would have been repeated. The journal's id of
the command follows from the last four (docs/chaos.md).
"""

from __future__ import annotations

from msgspec import Struct


class Acknowledged(Struct, frozen=True):
    """One command that was answered with success."""

    ref: str
    role: str
    subject: str
    scope: str
    key: str

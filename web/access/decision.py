"""What was decided, done and shown on sockets, for the audit trail. REST notes its own with each
request."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from msgspec import Struct

from realtime.ports import Identity
from storage.audit import Outcome


class Decision(Struct, frozen=True, kw_only=True):
    """`identity` asked for `action` on the thing of this kind and id, or was shown it.

    `patients`: of whom it is, where that is known already. `emergencies`: whose patients it is of
    as well; first the one it is about. `written`: why, in the caller's words. `details`: ids and
    codes. A `command` among them is the id of the order that was given.
    """

    identity: Identity
    action: str
    kind: str
    id: str
    outcome: Outcome
    patients: tuple[str, ...] = ()
    emergencies: tuple[str, ...] = ()
    written: str = ""
    details: Mapping[str, str] = {}


Told = Callable[[Decision], None]
"""Takes decisions down. It neither waits nor fails, and refuses nothing."""


def untold(_decision: Decision) -> None:
    """For a service that keeps no audit."""

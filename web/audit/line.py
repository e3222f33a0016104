"""A line in the trail, of a request and of a socket: who, what, of whom, from where, and how it
ended."""

from __future__ import annotations

from collections.abc import Mapping

from litestar.types import Scope

from realtime.ports import Identity
from storage.audit import ANONYMOUS, AuditEntry, Outcome
from web.access.caller import caller_of
from web.audit.draft import Draft
from web.headers import request_id


def address_of(scope: Scope) -> str:
    """The caller's network address; the proxy's where there is one that we do not trust."""
    client = scope.get("client")
    return "" if client is None else str(client[0])


def entry_from(scope: Scope, draft: Draft, outcome: Outcome) -> AuditEntry:
    """What the scope knows, with what the draft has learned over it."""
    user = scope.get("user")
    kind, id_ = _resource(scope)
    patient = scope.get("path_params", {}).get("patient_id")
    session = getattr(scope.get("auth"), "session_id", "")
    details = {**draft.details, "session": session} if session else draft.details
    return AuditEntry(
        at=scope["litestar_app"].state.clock.now(),
        role=ANONYMOUS if user is None else user.role,
        subject="" if user is None else user.subject,
        action=draft.action or _door(scope),
        outcome=outcome,
        kind=draft.kind or kind,
        id=draft.id or id_,
        patients=(*((str(patient),) if patient else ()), *draft.patients),
        reason=draft.why_denied if outcome == "denied" else draft.reason,
        note=draft.note,
        address=address_of(scope),
        request_id=request_id(scope),
        details=details,
    )


def socket_entry(
    identity: Identity,
    at: float,
    action: str,
    outcome: Outcome,
    *,
    kind: str,
    id: str,  # noqa: A002 - the resource's, as in AuditEntry
    patients: tuple[str, ...] = (),
    reason: str = "",
    details: Mapping[str, str] | None = None,
) -> AuditEntry:
    """What a connection knows of itself, with what it did at `at` (Unix seconds).

    `connection` among the details leads to the line of its `socket.connect`; `session` to that of
    the login, where the token came of one.
    """
    caller = caller_of(identity)
    known = {"connection": caller.client, "session": identity.token_id}
    return AuditEntry(
        at=at,
        role=caller.sender.role,
        subject=caller.sender.subject,
        action=action,
        outcome=outcome,
        kind=kind,
        id=id,
        patients=patients,
        reason=reason,
        address=caller.address,
        details={**(details or {}), **{name: value for name, value in known.items() if value}},
    )


def _door(scope: Scope) -> str:
    """Method and path, for a route whose action nobody has named."""
    return f"{scope.get('method', '')} {scope.get('path_template', '')}"


def _resource(scope: Scope) -> tuple[str, str]:
    """The last thing that the path names: `…/{task_id}` is a task."""
    named = [
        (name.removesuffix("_id"), str(value))
        for name, value in scope.get("path_params", {}).items()
        if name.endswith("_id")
    ]
    return named[-1] if named else ("", "")

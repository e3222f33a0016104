"""A request's line in the trail: who, what, of whom, from where, and how it ended."""

from __future__ import annotations

from litestar.types import Scope

from storage.audit import ANONYMOUS, AuditEntry, Outcome
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

"""Around every request: its line in the trail, before its answer leaves.

Two parts. `Audited`, a middleware outside of authentication, writes the line when the answer is
known, and holds the answer back until the line is durable where the route owes that (route.py).
`written_ahead`, a guard after authentication, writes that a change was begun.
"""

from __future__ import annotations

import logging
from contextvars import ContextVar
from typing import Any, Final

import msgspec
from litestar.connection import ASGIConnection
from litestar.enums import ScopeType
from litestar.handlers import BaseRouteHandler
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from storage.audit import AuditTrail, AuditUnavailable, Outcome
from storage.encryption import Vault
from web.audit.draft import CURRENT, Draft
from web.audit.line import entry_from
from web.audit.note import order_note
from web.audit.route import Duty, duty
from web.audit.strangers import Strangers
from web.auth import is_open
from web.headers import request_id
from web.problems import MEDIA_TYPE, RETRY_AFTER, ProblemError, unaudited

REQUEST_ID: Final[ContextVar[str]] = ContextVar("request_id", default="")
_FORBIDDEN: Final = (401, 403)


class Audited:
    """See above."""

    def __init__(
        self, app: ASGIApp, trail: AuditTrail, strangers: Strangers, vault: Vault | None = None
    ) -> None:
        """`vault` None: no order is given at any of these doors."""
        self._app = app
        self._trail = trail
        self._strangers = strangers
        self._vault = vault

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != ScopeType.HTTP:
            await self._app(scope, receive, send)
            return
        draft, owed = Draft(), _owed(scope)
        tokens = REQUEST_ID.set(request_id(scope)), CURRENT.set(draft)
        answer = _Answer(self._trail, self._vault, scope, draft, owed, send)
        try:
            await self._app(scope, receive, send if owed is Duty.NONE else answer)
        except ProblemError as error:
            # Authentication, which stands between us and the handlers, answers through those
            # outside of us.
            if error.problem.status == 401 and scope.get("user") is None:
                self._stranger(scope, draft, error)
            raise
        finally:
            REQUEST_ID.reset(tokens[0])
            CURRENT.reset(tokens[1])

    def _stranger(self, scope: Scope, draft: Draft, error: ProblemError) -> None:
        draft.action, draft.why_denied = "authenticate", _slug(error)
        self._strangers.refused(entry_from(scope, draft, "denied"))


class _Answer:
    """`send` of one request."""

    def __init__(
        self,
        trail: AuditTrail,
        vault: Vault | None,
        scope: Scope,
        draft: Draft,
        owed: Duty,
        send: Send,
    ) -> None:
        self._trail = trail
        self._vault = vault
        self._scope = scope
        self._draft = draft
        self._owed = owed
        self._send = send
        self._withheld = False

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            try:
                await self._line(message["status"])
            except AuditUnavailable:
                self._withheld = True
                await self._refuse()
        if not self._withheld:
            await self._send(message)

    async def _line(self, status: int) -> None:
        """Raises AuditUnavailable where the answer must not leave."""
        draft = self._draft
        outcome: Outcome = "allowed" if status < 400 else "failed"
        if draft.withheld and status == 404:
            draft.why_denied = draft.why_denied or "not-related"
        if outcome == "failed" and (draft.why_denied or status in _FORBIDDEN):
            outcome = "denied"
        if outcome == "failed":
            draft.details.setdefault("status", status)
        entry = entry_from(self._scope, draft, outcome)
        if draft.written and self._vault is not None:
            note = await order_note(self._vault, entry.patients, draft.written)
            entry = msgspec.structs.replace(entry, note=note)
        if outcome == "failed" or (outcome == "allowed" and self._owed is Duty.COMMAND):
            self._trail.offer(entry)
            return
        try:
            await self._trail.record_now(entry)
        except AuditUnavailable as error:
            if outcome == "allowed" and self._owed is Duty.READ:
                raise
            # It was refused, or begun with a line of its own: that the trail is out of reach by
            # now changes nothing of it.
            if not error.kept:
                self._trail.offer(entry)

    async def _refuse(self) -> None:
        found = unaudited()
        problem = msgspec.structs.replace(found.problem, request_id=request_id(self._scope))
        body = msgspec.json.encode(problem)
        headers = [
            (b"content-type", MEDIA_TYPE.encode()),
            (b"content-length", str(len(body)).encode()),
            (b"retry-after", RETRY_AFTER.encode()),
        ]
        await self._send(
            {"type": "http.response.start", "status": problem.status, "headers": headers}
        )
        await self._send({"type": "http.response.body", "body": body, "more_body": False})


async def written_ahead(
    connection: ASGIConnection[Any, Any, Any, Any], _handler: BaseRouteHandler
) -> None:
    """A guard for the whole application, after the gatekeeper. Raises AuditUnavailable."""
    if _owed(connection.scope) is Duty.CHANGE:
        trail: AuditTrail = connection.app.state.audit
        draft = CURRENT.get() or Draft()
        await trail.record_now(entry_from(connection.scope, draft, "begun"))


def _owed(scope: Scope) -> Duty:
    handler = scope["route_handler"]
    return duty(str(scope.get("method", "")), handler.opt, is_open=is_open(handler.opt))


def _slug(error: ProblemError) -> str:
    challenge = error.headers.get("WWW-Authenticate", "")
    return "invalid-token" if "invalid_token" in challenge else "no-token"


class RequestIdFilter(logging.Filter):
    """Gives each record logged on behalf of a request that request's id."""

    def filter(self, record: logging.LogRecord) -> bool:
        if known := REQUEST_ID.get():
            record.request_id = known
        return True

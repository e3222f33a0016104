"""/api/sessions: logging in, going on, logging out."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from litestar import Controller, Request, Response, delete, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, HeaderParameter, JSONBody

from web.accounts.account_schemas import (
    THROTTLED,
    EnrolmentNeeded,
    LoginAnswer,
    LoginBody,
    RefreshBody,
    SecondFactorBody,
    SecondFactorNeeded,
    SessionOpened,
    SessionsView,
    opened_view,
    session_view,
)
from web.accounts.login import Challenge
from web.accounts.origin import origin_of
from web.accounts.service import Accounts
from web.accounts.session_machine import CHALLENGE
from web.accounts.session_service import Opened
from web.auth import OPEN, Authenticated
from web.openapi import PROBLEMS
from web.problems import FieldError, invalid_body
from web.tokens import Principal

RetryKey = Annotated[
    str | None,
    HeaderParameter(
        name="Idempotency-Key",
        required=False,
        min_length=16,
        max_length=200,
        description=(
            "Names this request, by random letters: repeated with the same key within two minutes "
            "it is answered alike. Without it a refresh token that comes twice ends the session."
        ),
    ),
]
AccountsPart = NamedDependency[Accounts]
Anybody = Request[None, None, Any]


class SessionController(Controller):
    path = "/sessions"
    tags = ("accounts",)

    @post("/", status_code=200, opt=OPEN, responses=THROTTLED, summary="Log in")
    async def login(
        self, request: Anybody, data: JSONBody[LoginBody], accounts: AccountsPart
    ) -> Response[LoginAnswer]:
        made = await accounts.login.begin(
            data.email, data.password, data.device_token, origin_of(request)
        )
        return Response(_answer(accounts, made, data.device_token))

    @post(
        "/second-factor",
        status_code=200,
        opt=OPEN,
        responses=THROTTLED,
        summary="Log in: the second factor",
    )
    async def second_factor(
        self, request: Anybody, data: JSONBody[SecondFactorBody], accounts: AccountsPart
    ) -> SessionOpened:
        made = await accounts.login.finish(
            data.ticket, data.factor, data.code, data.device_token, origin_of(request)
        )
        return opened_view(made, device_token_for(accounts, made, data.device_token))

    @post(
        "/refresh",
        status_code=200,
        opt=OPEN,
        responses=THROTTLED,
        summary="A new access token, and the next refresh token",
    )
    async def refresh(
        self,
        request: Anybody,
        data: JSONBody[RefreshBody],
        accounts: AccountsPart,
        idempotency_key: RetryKey = None,
    ) -> SessionOpened:
        made = await accounts.sessions.refresh(
            data.refresh_token, idempotency_key, origin_of(request)
        )
        return opened_view(made, device_token_for(accounts, made, None))

    @get("/", responses=PROBLEMS, summary="Where the caller is logged in")
    async def index(self, request: Authenticated, accounts: AccountsPart) -> SessionsView:
        account = await accounts.own(request.auth)
        rows = await accounts.sessions.of_account(account.id)
        current = request.auth.session_id
        return SessionsView(items=tuple(session_view(row, current) for row in rows))

    @delete("/current", responses=PROBLEMS, summary="Log out")
    async def logout(self, request: Authenticated, accounts: AccountsPart) -> None:
        account = await accounts.own(request.auth)
        await accounts.sessions.end_own(
            account.id, request.auth.session_id, "logout", origin_of(request)
        )

    @delete("/{session_id:uuid}", responses=PROBLEMS, summary="End a session, here or elsewhere")
    async def end(
        self, request: Authenticated, session_id: FromPath[UUID], accounts: AccountsPart
    ) -> None:
        account = await accounts.own(request.auth)
        await accounts.sessions.end_own(account.id, str(session_id), "revoked", origin_of(request))

    @delete("/", responses=PROBLEMS, summary="End all sessions but this one")
    async def end_others(self, request: Authenticated, accounts: AccountsPart) -> None:
        account = await accounts.own(request.auth)
        await accounts.sessions.end_others(account, request.auth.session_id, origin_of(request))


def _answer(accounts: Accounts, made: Opened | Challenge, device_token: str | None) -> LoginAnswer:
    if isinstance(made, Challenge):
        return SecondFactorNeeded(
            ticket=made.ticket, factors=made.factors, expires_in=int(CHALLENGE.idle_s)
        )
    if made.refresh_token is None:
        return EnrolmentNeeded(
            access_token=made.access.token,
            expires_in=int(made.access.ttl_s),
            session_id=made.session.id,
        )
    return opened_view(made, device_token_for(accounts, made, device_token))


def require_password(caller: Principal, password: str | None) -> None:
    """For adding a second factor. Answers 422 where it is missing, unless the session is there for
    just that: then it was given a moment ago."""
    if password is None and not caller.enrolling:
        raise invalid_body([FieldError("your password", pointer="/password")])


def device_token_for(accounts: Accounts, made: Opened, known: str | None) -> str:
    """The one that the device has, if it is good; else one for it to keep."""
    attempts = accounts.parts.attempts
    if known is not None and attempts.device_of(made.account, known).known:
        return known
    return attempts.device_token(made.account)

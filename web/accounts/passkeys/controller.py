"""/api/accounts/me/passkeys and /api/sessions/passkey"""

from __future__ import annotations

from uuid import UUID

from litestar import Controller, get, post
from litestar.params import FromPath, JSONBody

from web.accounts.account_schemas import THROTTLED, SessionOpened, opened_view
from web.accounts.origin import origin_of
from web.accounts.passkeys.schemas import (
    CreationOptions,
    PasskeyAdded,
    PasskeyBody,
    PasskeyLoginBody,
    PasskeyOfferBody,
    PasskeyRemovalBody,
    PasskeyRequestBody,
    PasskeysView,
    RequestOptions,
    passkey_view,
)
from web.accounts.session_controller import (
    AccountsPart,
    Anybody,
    device_token_for,
    require_password,
)
from web.auth import ENROLMENT, OPEN, Authenticated
from web.openapi import PROBLEMS


class PasskeyController(Controller):
    path = "/accounts/me/passkeys"
    tags = ("accounts",)

    @post(
        "/options",
        status_code=200,
        opt=ENROLMENT,
        responses=THROTTLED,
        summary="What a browser makes a passkey of",
    )
    async def offer(
        self, request: Authenticated, data: JSONBody[PasskeyOfferBody], accounts: AccountsPart
    ) -> CreationOptions:
        account = await accounts.own(request.auth)
        require_password(request.auth, data.password)
        return await accounts.passkeys.enrolment.offer(
            account, data.password, request.auth.session_id, origin_of(request)
        )

    @post("/", opt=ENROLMENT, responses=THROTTLED, summary="Add a passkey")
    async def add(
        self, request: Authenticated, data: JSONBody[PasskeyBody], accounts: AccountsPart
    ) -> PasskeyAdded:
        account = await accounts.own(request.auth)
        added = await accounts.passkeys.enrolment.add(
            account, data.name, data.credential, request.auth.session_id, origin_of(request)
        )
        token = accounts.parts.attempts.device_token(account)
        return PasskeyAdded(
            passkey=passkey_view(added.passkey),
            recovery_codes=added.codes,
            session=None if added.opened is None else opened_view(added.opened, token),
        )

    @get("/", responses=PROBLEMS, summary="The caller's passkeys")
    async def index(self, request: Authenticated, accounts: AccountsPart) -> PasskeysView:
        account = await accounts.own(request.auth)
        rows = await accounts.passkeys.enrolment.of_account(account)
        return PasskeysView(items=tuple(map(passkey_view, rows)))

    @post(
        "/{passkey_id:uuid}/removal",
        status_code=204,
        responses=THROTTLED,
        summary="Without this passkey",
    )
    async def remove(
        self,
        request: Authenticated,
        passkey_id: FromPath[UUID],
        data: JSONBody[PasskeyRemovalBody],
        accounts: AccountsPart,
    ) -> None:
        account = await accounts.own(request.auth)
        await accounts.passkeys.enrolment.remove(
            account, str(passkey_id), data.password, origin_of(request)
        )


class PasskeyLoginController(Controller):
    path = "/sessions/passkey"
    tags = ("accounts",)
    opt = OPEN

    @post(
        "/options",
        status_code=200,
        responses=PROBLEMS,
        summary="What a browser is asked to show a passkey for",
    )
    async def options(
        self, request: Anybody, data: JSONBody[PasskeyRequestBody], accounts: AccountsPart
    ) -> RequestOptions:
        return await accounts.passkeys.login.options(data.ticket, origin_of(request))

    @post("/", status_code=200, responses=THROTTLED, summary="Log in with a passkey")
    async def login(
        self, request: Anybody, data: JSONBody[PasskeyLoginBody], accounts: AccountsPart
    ) -> SessionOpened:
        origin, login = origin_of(request), accounts.passkeys.login
        if data.ticket is None:
            made = await login.log_in(data.credential, data.device_token, origin)
        else:
            made = await login.finish(data.ticket, data.credential, data.device_token, origin)
        return opened_view(made, device_token_for(accounts, made, data.device_token))

"""/api/accounts, as administrators use it."""

from __future__ import annotations

from uuid import UUID

from litestar import Controller, get, post
from litestar.params import FromPath, JSONBody

from web.accounts.account_schemas import (
    AccountView,
    DisableBody,
    InvitationBody,
    InvitationView,
    account_view,
    invitation_view,
)
from web.accounts.origin import origin_of
from web.accounts.session_controller import AccountsPart
from web.auth import Authenticated, gate
from web.idempotency import CommandId
from web.openapi import PROBLEMS
from web.paging import LIMIT, Cursor, Limit, Page, cursor_of, id_of


class AccountAdminController(Controller):
    path = "/accounts"
    tags = ("accounts",)

    @get("/", responses=PROBLEMS, summary="List accounts, newest first")
    async def index(
        self,
        request: Authenticated,
        accounts: AccountsPart,
        cursor: Cursor = None,
        limit: Limit = LIMIT,
    ) -> Page[AccountView]:
        gate(request.user, "account.list")
        rows, more = await accounts.staff.list(id_of(cursor), limit)
        after = cursor_of(rows[-1].id) if more else None
        return Page(tuple(map(account_view, rows)), after)

    @get("/{account_id:uuid}", responses=PROBLEMS, summary="One account")
    async def show(
        self, request: Authenticated, account_id: FromPath[UUID], accounts: AccountsPart
    ) -> AccountView:
        gate(request.user, "account.list")
        return account_view(await accounts.staff.get(str(account_id)))

    @post("/invitations", responses=PROBLEMS, summary="Invite somebody to the staff")
    async def invite(
        self,
        request: Authenticated,
        data: JSONBody[InvitationBody],
        accounts: AccountsPart,
        command_id: CommandId,
    ) -> InvitationView:
        gate(request.user, "account.invite")
        made = await accounts.staff.invite(
            data.email, data.role, data.subject, request.user, command_id, origin_of(request)
        )
        return invitation_view(made, accounts.parts.clock.now())

    @post(
        "/{account_id:uuid}/disable",
        status_code=200,
        responses=PROBLEMS,
        summary="Let an account do nothing any more",
    )
    async def disable(
        self,
        request: Authenticated,
        account_id: FromPath[UUID],
        data: JSONBody[DisableBody],
        accounts: AccountsPart,
    ) -> AccountView:
        gate(request.user, "account.disable")
        row = await accounts.staff.disable(
            str(account_id), request.user, data.reason, origin_of(request)
        )
        return account_view(row)

    @post(
        "/{account_id:uuid}/enable",
        status_code=200,
        responses=PROBLEMS,
        summary="Let a disabled account in again",
    )
    async def enable(
        self, request: Authenticated, account_id: FromPath[UUID], accounts: AccountsPart
    ) -> AccountView:
        gate(request.user, "account.disable")
        row = await accounts.staff.enable(str(account_id), request.user, origin_of(request))
        return account_view(row)

    @post(
        "/{account_id:uuid}/totp-reset",
        status_code=204,
        responses=PROBLEMS,
        summary="Take away the authenticator of one who lost it",
    )
    async def reset_totp(
        self, request: Authenticated, account_id: FromPath[UUID], accounts: AccountsPart
    ) -> None:
        gate(request.user, "account.disable")
        account = await accounts.staff.get(str(account_id))
        await accounts.enrolment.reset(account, request.user, origin_of(request))

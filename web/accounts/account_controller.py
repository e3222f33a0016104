"""/api/accounts: the way to an account, and what its owner does with it."""

from __future__ import annotations

from litestar import Controller, get, post
from litestar.di import NamedDependency
from litestar.params import JSONBody

from actors.domain.kernel import Sender
from web.accounts.account_schemas import (
    THROTTLED,
    Accepted,
    AccountView,
    CodeBody,
    EmailBody,
    EmailChangeBody,
    EnrolledView,
    LinkBody,
    NewPasswordBody,
    OfferView,
    OwnAccountView,
    PasswordChangeBody,
    RecoveryCodesView,
    ResetView,
    SignUpBody,
    TotpBody,
    TotpRemovalBody,
    account_view,
    opened_view,
    own_account_view,
)
from web.accounts.address import canonical
from web.accounts.origin import origin_of
from web.accounts.session_controller import AccountsPart, Anybody, require_password
from web.accounts.sign_up import SignUp
from web.auth import ENROLMENT, OPEN, Authenticated
from web.command_id import derived_id, random_id
from web.idempotency import CommandId, IdempotencyKey
from web.openapi import PROBLEMS

SignUpPart = NamedDependency[SignUp]

_MAILBOX = "if this is possible, the mailbox knows how it goes on"
_NOBODY = Sender("system", "anonymous")


class OpenAccountController(Controller):
    """For those who have no token yet."""

    path = "/accounts"
    tags = ("accounts",)
    opt = OPEN

    @post("/", status_code=202, responses=THROTTLED, summary="Sign up as a patient")
    async def sign_up(
        self,
        request: Anybody,
        data: JSONBody[SignUpBody],
        sign_up: SignUpPart,
        idempotency_key: IdempotencyKey = None,
    ) -> Accepted:
        id_ = _command_id("sign-up", data.email, idempotency_key)
        origin = origin_of(request)
        await sign_up.ask(data.email, data.password, data.name, data.phone, id_, origin)
        return Accepted(detail=_MAILBOX)

    @post("/verification", status_code=200, responses=PROBLEMS, summary="Prove the address")
    async def verify(
        self, request: Anybody, data: JSONBody[LinkBody], sign_up: SignUpPart
    ) -> AccountView:
        return account_view(await sign_up.verify(data.token, origin_of(request)))

    @post("/password-reset", status_code=202, responses=THROTTLED, summary="Forgot the password")
    async def ask_reset(
        self,
        request: Anybody,
        data: JSONBody[EmailBody],
        accounts: AccountsPart,
        idempotency_key: IdempotencyKey = None,
    ) -> Accepted:
        id_ = _command_id("password-reset", data.email, idempotency_key)
        await accounts.credentials.ask_reset(data.email, id_, origin_of(request))
        return Accepted(detail=_MAILBOX)

    @post(
        "/password-reset/confirmation",
        status_code=200,
        responses=PROBLEMS,
        summary="Set a new password with a link",
    )
    async def reset(
        self, request: Anybody, data: JSONBody[NewPasswordBody], accounts: AccountsPart
    ) -> ResetView:
        account = await accounts.credentials.reset(data.token, data.password, origin_of(request))
        return ResetView(device_token=accounts.parts.attempts.device_token(account))

    @post(
        "/email-change/confirmation",
        status_code=204,
        responses=PROBLEMS,
        summary="Prove the new address",
    )
    async def change_email(
        self, request: Anybody, data: JSONBody[LinkBody], accounts: AccountsPart
    ) -> None:
        await accounts.credentials.change_email(data.token, origin_of(request))

    @post(
        "/invitations/acceptance",
        status_code=200,
        responses=PROBLEMS,
        summary="Accept an invitation to the staff",
    )
    async def accept(
        self, request: Anybody, data: JSONBody[NewPasswordBody], accounts: AccountsPart
    ) -> AccountView:
        origin = origin_of(request)
        return account_view(await accounts.staff.accept(data.token, data.password, origin))


def _command_id(what: str, email: str, key: str | None) -> str:
    """Nobody is known here: a key is one's own by the address it comes with."""
    if key is None:
        return random_id()
    return derived_id(_NOBODY, f"{what} {canonical(email)}", key)


class OwnAccountController(Controller):
    path = "/accounts/me"
    tags = ("accounts",)

    @get("/", responses=PROBLEMS, opt=ENROLMENT, summary="The caller's account")
    async def show(self, request: Authenticated, accounts: AccountsPart) -> OwnAccountView:
        account = await accounts.own(request.auth)
        left = await accounts.parts.store.accounts.codes_left(account.id)
        return own_account_view(account, await accounts.factors.of(account), left)

    @post("/password", status_code=204, responses=THROTTLED, summary="Change the password")
    async def change_password(
        self, request: Authenticated, data: JSONBody[PasswordChangeBody], accounts: AccountsPart
    ) -> None:
        account = await accounts.own(request.auth)
        await accounts.credentials.change_password(
            account,
            data.current_password,
            data.password,
            request.auth.session_id,
            origin_of(request),
        )

    @post("/email", status_code=202, responses=THROTTLED, summary="Ask for another address")
    async def ask_email(
        self,
        request: Authenticated,
        data: JSONBody[EmailChangeBody],
        accounts: AccountsPart,
        command_id: CommandId,
    ) -> Accepted:
        account = await accounts.own(request.auth)
        await accounts.credentials.ask_email(
            account, data.password, data.email, command_id, origin_of(request)
        )
        return Accepted(detail=_MAILBOX)

    @post("/totp", status_code=200, opt=ENROLMENT, responses=THROTTLED, summary="An authenticator")
    async def offer_totp(
        self, request: Authenticated, data: JSONBody[TotpBody], accounts: AccountsPart
    ) -> OfferView:
        account = await accounts.own(request.auth)
        require_password(request.auth, data.password)
        offer = await accounts.enrolment.offer(account, data.password, origin_of(request))
        return OfferView(secret=offer.secret, otpauth_uri=offer.uri, qr_svg=offer.qr_svg)

    @post(
        "/totp/confirmation",
        status_code=200,
        opt=ENROLMENT,
        responses=THROTTLED,
        summary="The authenticator's first code",
    )
    async def confirm_totp(
        self, request: Authenticated, data: JSONBody[CodeBody], accounts: AccountsPart
    ) -> EnrolledView:
        account = await accounts.own(request.auth)
        enrolled = await accounts.enrolment.confirm(
            account, data.code, request.auth.session_id, origin_of(request)
        )
        opened = enrolled.opened
        token = accounts.parts.attempts.device_token(account)
        return EnrolledView(
            recovery_codes=enrolled.codes,
            session=None if opened is None else opened_view(opened, token),
        )

    @post("/totp/removal", status_code=204, responses=THROTTLED, summary="Without an authenticator")
    async def remove_totp(
        self, request: Authenticated, data: JSONBody[TotpRemovalBody], accounts: AccountsPart
    ) -> None:
        account = await accounts.own(request.auth)
        await accounts.enrolment.remove(account, data.password, data.code, origin_of(request))

    @post(
        "/recovery-codes", status_code=200, responses=THROTTLED, summary="Ten other recovery codes"
    )
    async def new_codes(
        self, request: Authenticated, data: JSONBody[CodeBody], accounts: AccountsPart
    ) -> RecoveryCodesView:
        account = await accounts.own(request.auth)
        codes = await accounts.enrolment.new_codes(account, data.code, origin_of(request))
        return RecoveryCodesView(recovery_codes=codes)

"""What goes in and out of /api/accounts and /api/sessions.

Texts that are secret (passwords, codes, tokens) are bounded here and nothing else: a refusal never
says more of one than that it does not fit. No body's repr shows what is in it.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Final, Literal

from litestar.openapi import ResponseSpec
from msgspec import Meta, Struct

from actors.domain.values import Id, Name, Phone
from storage.accounts.row import AccountRole, AccountRow, AccountStatus, SessionRow
from web.accounts.session_service import Opened
from web.accounts.staff import Invitation, StaffRole
from web.accounts.strength import LONGEST
from web.openapi import PROBLEMS
from web.problems import MEDIA_TYPE, Problem
from web.times import moment

THROTTLED: Final = {
    429: ResponseSpec(
        Problem,
        description="Too many attempts; see Retry-After",
        media_type=MEDIA_TYPE,
        generate_examples=False,
    ),
    **PROBLEMS,
}

Email = Annotated[str, Meta(min_length=3, max_length=254)]
Password = Annotated[str, Meta(min_length=1, max_length=LONGEST)]
Code = Annotated[str, Meta(min_length=1, max_length=40)]
Opaque = Annotated[str, Meta(min_length=1, max_length=200)]
# For machines to group by; nothing that somebody wrote goes into the audit.
ReasonCode = Annotated[str, Meta(pattern=r"^[a-z][a-z0-9-]{0,63}$(?!\n)")]


class _Body(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    def __repr__(self) -> str:
        return f"{type(self).__name__}()"


class SignUpBody(_Body, frozen=True, kw_only=True):
    """A patient's account. Their record is completed later, by PUT /api/patients/{id}."""

    email: Email
    password: Password
    name: Name
    phone: Phone


class LinkBody(_Body, frozen=True, kw_only=True):
    """`token`: what stands in the link of the letter."""

    token: Opaque


class NewPasswordBody(_Body, frozen=True, kw_only=True):
    """With a link that lets its bearer choose a password."""

    token: Opaque
    password: Password


class EmailBody(_Body, frozen=True, kw_only=True):
    email: Email


class PasswordChangeBody(_Body, frozen=True, kw_only=True):
    current_password: Password
    password: Password


class EmailChangeBody(_Body, frozen=True, kw_only=True):
    email: Email
    password: Password


class TotpBody(_Body, frozen=True, kw_only=True):
    """`password`: asked for unless the session is there to set up a second factor."""

    password: Password | None = None


class CodeBody(_Body, frozen=True, kw_only=True):
    code: Code


class TotpRemovalBody(_Body, frozen=True, kw_only=True):
    password: Password
    code: Code


class InvitationBody(_Body, frozen=True, kw_only=True):
    """`subject`: the id of the doctor's or paramedic's record; for other roles there is none."""

    email: Email
    role: StaffRole
    subject: Id | None = None


class DisableBody(_Body, frozen=True, kw_only=True):
    """`reason`: a code such as `left` or `device-lost`; it stands in the audit."""

    reason: ReasonCode


class LoginBody(_Body, frozen=True, kw_only=True):
    """`device_token`: of an earlier login on this device, so that strangers cannot slow it down."""

    email: Email
    password: Password
    device_token: Opaque | None = None


class SecondFactorBody(_Body, frozen=True, kw_only=True):
    """The ticket of the login, and a code of the factor it is finished with."""

    ticket: Opaque
    factor: Literal["totp", "recovery_code"] = "totp"
    code: Code
    device_token: Opaque | None = None


class RefreshBody(_Body, frozen=True, kw_only=True):
    refresh_token: Opaque


class Accepted(Struct, frozen=True, kw_only=True):
    """Says the same to everybody: what comes of it, the mailbox knows."""

    detail: str


class AccountView(Struct, frozen=True, kw_only=True):
    """An account, as its owner and administrators see it. `subject`: of whose record it is."""

    id: str
    role: AccountRole
    subject: str
    status: AccountStatus
    email: str
    authenticator: bool
    created_at: datetime
    verified_at: datetime | None


class OwnAccountView(AccountView, frozen=True, kw_only=True):
    """`second_factors`: () where there is none yet. `recovery_codes_left` of ten."""

    second_factors: tuple[str, ...]
    recovery_codes_left: int


class InvitationView(Struct, frozen=True, kw_only=True):
    """The invitation was sent; its link is in the letter only."""

    account: AccountView
    expires_at: datetime


class OfferView(Struct, frozen=True, kw_only=True):
    """To be confirmed by a first code within half an hour. Shown this once."""

    secret: str
    otpauth_uri: str
    qr_svg: str


class SessionOpened(Struct, frozen=True, kw_only=True, tag="opened", tag_field="status"):
    """`access_token` opens the API and the socket for `expires_in` seconds; `refresh_token` gives
    the next pair, once. `device_token`: to be kept and shown at later logins on this device."""

    token_type: Literal["Bearer"] = "Bearer"  # noqa: S105 - the type's name (RFC 6750)
    access_token: str
    expires_in: int
    refresh_token: str
    session_id: str
    device_token: str
    account_id: str
    role: AccountRole
    subject: str
    second_factor: bool


class SecondFactorNeeded(
    Struct, frozen=True, kw_only=True, tag="second_factor_needed", tag_field="status"
):
    """Finish with POST /api/sessions/second-factor, in `expires_in` seconds."""

    ticket: str
    factors: tuple[str, ...]
    expires_in: int


class EnrolmentNeeded(
    Struct, frozen=True, kw_only=True, tag="enrolment_needed", tag_field="status"
):
    """Staff need a second factor: this token sets one up, and does nothing else."""

    token_type: Literal["Bearer"] = "Bearer"  # noqa: S105 - the type's name (RFC 6750)
    access_token: str
    expires_in: int
    session_id: str


LoginAnswer = SessionOpened | SecondFactorNeeded | EnrolmentNeeded


class EnrolledView(Struct, frozen=True, kw_only=True):
    """The authenticator is asked for from now on. `recovery_codes`: shown this once.
    `session`: the whole one, where this was what it lacked."""

    recovery_codes: tuple[str, ...]
    session: SessionOpened | None


class RecoveryCodesView(Struct, frozen=True, kw_only=True):
    recovery_codes: tuple[str, ...]


class ResetView(Struct, frozen=True, kw_only=True):
    """The password is set. `device_token`: as of a login."""

    device_token: str


class SessionView(Struct, frozen=True, kw_only=True):
    """Where somebody is logged in. `device`: what it says of itself. `seen_at`: when it last came
    for a new token, which is every quarter of an hour while it is in use."""

    id: str
    current: bool
    device: str
    address: str
    created_at: datetime
    seen_at: datetime
    expires_at: datetime
    methods: tuple[str, ...]


class SessionsView(Struct, frozen=True, kw_only=True):
    items: tuple[SessionView, ...]


class JwkView(Struct, frozen=True, kw_only=True):
    """RFC 8037."""

    kty: str
    crv: str
    use: str
    alg: str
    kid: str
    x: str


class JwksView(Struct, frozen=True, kw_only=True):
    """RFC 7517: the keys that access tokens are signed with."""

    keys: tuple[JwkView, ...]


def account_view(row: AccountRow) -> AccountView:
    return AccountView(**_account(row))


def own_account_view(
    row: AccountRow, second_factors: tuple[str, ...], codes_left: int
) -> OwnAccountView:
    return OwnAccountView(
        **_account(row), second_factors=second_factors, recovery_codes_left=codes_left
    )


def _account(row: AccountRow) -> dict[str, Any]:
    shown = {name: getattr(row, name) for name in AccountView.__struct_fields__ if name != _MADE}
    return {**shown, _MADE: row.totp is not None}


_MADE: Final = "authenticator"


def invitation_view(made: Invitation, now: float) -> InvitationView:
    return InvitationView(account=account_view(made.account), expires_at=moment(now + made.valid_s))


def opened_view(opened: Opened, device_token: str) -> SessionOpened:
    assert opened.refresh_token is not None
    return SessionOpened(
        access_token=opened.access.token,
        expires_in=int(opened.access.ttl_s),
        refresh_token=opened.refresh_token,
        session_id=opened.session.id,
        device_token=device_token,
        account_id=opened.account.id,
        role=opened.account.role,
        subject=opened.account.subject,
        second_factor="mfa" in opened.session.amr,
    )


def session_view(row: SessionRow, current_id: str) -> SessionView:
    return SessionView(
        id=row.id,
        current=row.id == current_id,
        device=row.client.device,
        address=row.client.address,
        created_at=row.created_at,
        seen_at=row.seen_at,
        expires_at=min(row.idle_at, row.expires_at),
        methods=row.amr,
    )

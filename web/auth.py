"""Who calls, and whether they may.

Every route wants a bearer token but those marked `opt=OPEN`. Then each handler asks twice: `gate`
before anything is looked up (a role that could never do it gets 403), and `permit` with the facts
of the thing (it is not yours: 404, the same as if it did not exist).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from litestar import Request
from litestar.connection import ASGIConnection
from litestar.middleware import AbstractAuthenticationMiddleware, AuthenticationResult
from litestar.types import ASGIApp

from actors.domain.access import RELATIONS, Facts, could, may
from actors.domain.kernel import Sender
from web.audit.draft import asked_for, audited, refused
from web.problems import ProblemError, forbidden, not_visible
from web.tokens import Principal, TokenError

_OPT: Final = "open"
# For the few routes that need no token: health, the API's description, the first page.
OPEN: Final = {_OPT: True}
_ENROLMENT: Final = "enrolment"
# For the routes that set up a second factor: a token that is good for nothing else will do.
ENROLMENT: Final = {_ENROLMENT: True}


def is_open(opt: Mapping[str, Any]) -> bool:
    """Whether a handler's `opt` says that it needs no token."""
    return bool(opt.get(_OPT))


# What handlers get: `user` is on whose behalf, in the words of the access table.
Authenticated = Request[Sender, Principal, Any]


class BearerAuthentication(AbstractAuthenticationMiddleware):
    """Puts the caller into the request: `user` is the Sender, `auth` the Principal."""

    def __init__(
        self,
        app: ASGIApp,
        verify: Callable[[str], Principal],
        verify_enrolling: Callable[[str], Principal] | None = None,
    ) -> None:
        super().__init__(
            app,
            exclude_from_auth_key=_OPT,
            exclude_http_methods=[],
        )
        self._verify = verify
        self._verify_enrolling = verify_enrolling or verify

    async def authenticate_request(
        self, connection: ASGIConnection[Any, Any, Any, Any]
    ) -> AuthenticationResult:
        scheme, _, token = connection.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise _unauthorized("this needs a bearer token; see `maxray token --help`", "")
        enrolment = connection.scope["route_handler"].opt.get(_ENROLMENT)
        try:
            principal = (self._verify_enrolling if enrolment else self._verify)(token.strip())
        except TokenError as error:
            if error.problem == "enrolling":
                raise ProblemError(403, "second-factor-required", str(error)) from None
            raise _unauthorized(str(error), ', error="invalid_token"') from None
        return AuthenticationResult(user=Sender(principal.role, principal.subject), auth=principal)


def _unauthorized(detail: str, challenge: str) -> ProblemError:
    headers = {"WWW-Authenticate": f'Bearer realm="maxray"{challenge}'}
    return ProblemError(401, "unauthorized", detail, headers=headers)


def gate(caller: Sender, action: str) -> None:
    """403 unless there could be something this caller may do `action` to."""
    asked_for(action)
    if not could(caller.role, action):
        refused(action, "role")
        raise forbidden(caller.role, action)


def permit(caller: Sender, action: str, kind: str, facts: Facts) -> None:
    """403 as `gate`; 404 where it is only this thing that the caller may not do it to."""
    gate(caller, action)
    audited(patients=[facts.patient_id])
    if not may(caller, action, facts):
        refused(action, "not-related")
        raise not_visible(kind)


def is_staff(caller: Sender) -> bool:
    """Operations or administration."""
    return RELATIONS["staff"](caller, Facts())

"""What the accounts refuse. Each is one answer, however many reasons lead to it."""

from __future__ import annotations

import math

from web.problems import FieldError, ProblemError, invalid_body


def invalid_credentials() -> ProblemError:
    """Wrong, unknown, not active, replayed: nobody is told which."""
    return ProblemError(
        401,
        "invalid-credentials",
        "this is not right, or not any more; if the account is new, look into its mailbox first",
        headers={"WWW-Authenticate": 'Bearer realm="maxray"'},
    )


def link_ended() -> ProblemError:
    return ProblemError(410, "link-ended", "this link was used, has expired, or never was")


def throttled(wait_s: float) -> ProblemError:
    """`wait_s`: after which an attempt is looked at again."""
    seconds = max(1, math.ceil(wait_s))
    detail = f"too many attempts; the next is looked at in {seconds} s"
    return ProblemError(429, "too-many-attempts", detail, headers={"Retry-After": str(seconds)})


def weak_password(why: str) -> ProblemError:
    return invalid_body([FieldError(why, pointer="/password")])


def no_account() -> ProblemError:
    """For a good token that an operator signed: it belongs to no account."""
    return ProblemError(403, "no-account", "this token belongs to no account")


def second_factor_kept() -> ProblemError:
    detail = "staff cannot be without a second factor; an administrator can reset it"
    return ProblemError(409, "second-factor-required", detail)

"""Bearer tokens: who calls, in which role, until when. Signed by the data folder's token secret.

A JSON Web Token (RFC 7519), HS256 only, with the claims `sub`, `role`, `iat`, `exp` and
`aud = "maxray"`, all of them required.
"""

from __future__ import annotations

from typing import Final, Literal, get_args

import jwt
from msgspec import Struct

TokenRole = Literal["patient", "paramedic", "doctor", "ops", "admin"]
ROLES: Final[frozenset[str]] = frozenset(get_args(TokenRole))

_ALGORITHM: Final = "HS256"
_AUDIENCE: Final = "maxray"
_REQUIRED: Final = ["sub", "role", "iat", "exp", "aud"]
# Two of our machines may disagree on the time by this much.
_LEEWAY_S: Final = 5.0

TokenProblem = Literal["malformed", "signature", "expired", "audience", "claims"]


class TokenError(Exception):
    """A token was refused. `problem` is stable; the message never quotes the token."""

    def __init__(self, problem: TokenProblem, message: str) -> None:
        super().__init__(message)
        self.problem = problem


class Principal(Struct, frozen=True):
    """Whom a token speaks for. `expires_at`: Unix time in seconds."""

    role: TokenRole
    subject: str
    expires_at: float


def issue(secret: str, role: TokenRole, subject: str, ttl_s: float, now: float) -> str:
    """A token for `subject` in `role`, good from `now` (Unix seconds) for `ttl_s` seconds.

    Raises ValueError for an unknown role, an empty subject or a lifetime that is not positive.
    """
    if role not in ROLES:
        raise ValueError(f"no role {role!r}; there are {', '.join(sorted(ROLES))}")
    if not subject:
        raise ValueError("a token needs a subject")
    if not ttl_s > 0:
        raise ValueError("a token's lifetime must be more than 0 s")
    claims = {
        "sub": subject,
        "role": role,
        "iat": int(now),
        "exp": int(now + ttl_s),
        "aud": _AUDIENCE,
    }
    return jwt.encode(claims, secret, algorithm=_ALGORITHM)


def verify(secret: str, token: str, now: float) -> Principal:
    """Whom this token speaks for at `now` (Unix seconds). Raises TokenError."""
    try:
        claims = jwt.decode(
            token,
            secret,
            algorithms=[_ALGORITHM],
            audience=_AUDIENCE,
            # The times are checked below, against `now` rather than the library's own clock.
            options={
                "require": _REQUIRED,
                "verify_exp": False,
                "verify_iat": False,
                "verify_nbf": False,
                "strict_aud": True,
            },
        )
    except jwt.InvalidSignatureError:
        raise TokenError("signature", "the token was not signed by this service") from None
    except jwt.InvalidAlgorithmError:
        raise TokenError("signature", "the token is not signed with HS256") from None
    except jwt.InvalidAudienceError:
        raise TokenError("audience", "the token is meant for another service") from None
    except jwt.MissingRequiredClaimError as error:
        raise TokenError("claims", f"the token lacks the claim {error.claim}") from None
    except jwt.InvalidTokenError:
        raise TokenError("malformed", "not a token of this service") from None
    return _principal(claims, now)


def _principal(claims: dict[str, object], now: float) -> Principal:
    role, subject = claims["role"], claims["sub"]
    issued_at, expires_at = claims["iat"], claims["exp"]
    if not isinstance(subject, str) or not subject or not (isinstance(role, str) and role in ROLES):
        raise TokenError("claims", "the token's role or subject is not one of this service's")
    if not isinstance(expires_at, int | float) or not isinstance(issued_at, int | float):
        raise TokenError("claims", "the token's times are not numbers")
    if now >= expires_at + _LEEWAY_S:
        raise TokenError("expired", "the token has expired")
    if issued_at > now + _LEEWAY_S:
        raise TokenError("claims", "the token was issued in the future")
    return Principal(role, subject, float(expires_at))  # type: ignore[arg-type]

"""Bearer tokens: who calls, in which role, until when.

JSON Web Tokens (RFC 7519) with the claims `sub`, `role`, `iat`, `exp` and `aud`, all required, of
two makes:
- HS256, by the data folder's token secret: what operators hand out at the machine (`maxray token`).
- EdDSA (RFC 8037), by a key pair that rotates: access tokens of a session, which name it (`sid`),
  its account (`acc`) and how its bearer was authenticated (`amr`, RFC 8176). Their audience is
  another while a second factor is still to be set up, so nothing takes them for whole ones.
The header's `alg` says which, and then only that algorithm, with a key of that kind, is tried.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal, get_args

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from msgspec import Struct

TokenRole = Literal["patient", "paramedic", "doctor", "ops", "admin", "auditor"]
ROLES: Final[frozenset[str]] = frozenset(get_args(TokenRole))

SYMMETRIC: Final = "HS256"
ASYMMETRIC: Final = "EdDSA"
AUDIENCE: Final = "maxray"
# Of a session whose second factor is not set up yet.
ENROLMENT_AUDIENCE: Final = "maxray-enrol"
_REQUIRED: Final = ["sub", "role", "iat", "exp", "aud"]
_OF_SESSION: Final = [*_REQUIRED, "sid", "acc", "amr", "jti"]
# Two of our machines may disagree on the time by this much.
LEEWAY_S: Final = 5.0
# Longer is no token of ours; it is not even parsed.
_LONGEST: Final = 4096

TokenProblem = Literal[
    "malformed", "signature", "expired", "audience", "claims", "enrolling", "revoked"
]
VerifyingKeys = Mapping[str, Ed25519PublicKey]
_NO_KEYS: Final[VerifyingKeys] = {}


class TokenError(Exception):
    """A token was refused. `problem` is stable; the message never quotes the token."""

    def __init__(self, problem: TokenProblem, message: str) -> None:
        super().__init__(message)
        self.problem = problem


class Principal(Struct, frozen=True):
    """Whom a token speaks for. `expires_at`: Unix time in seconds.

    Of a token that operators signed, `account_id` and `session_id` are "". `enrolling`: good for
    setting up a second factor and for nothing else.
    """

    role: TokenRole
    subject: str
    expires_at: float
    account_id: str = ""
    session_id: str = ""
    amr: tuple[str, ...] = ()
    enrolling: bool = False


class SessionClaims(Struct, frozen=True, kw_only=True):
    """What an access token says. `jti`: its own name; times are Unix seconds."""

    role: TokenRole
    subject: str
    account_id: str
    session_id: str
    amr: tuple[str, ...]
    authenticated_at: float
    jti: str
    enrolling: bool = False


def issue(secret: str, role: TokenRole, subject: str, ttl_s: float, now: float) -> str:
    """A token for `subject` in `role`, good from `now` (Unix seconds) for `ttl_s` seconds.

    Raises ValueError for an unknown role, an empty subject or a lifetime that is not positive.
    """
    return jwt.encode(_claims(role, subject, ttl_s, now), secret, algorithm=SYMMETRIC)


def issue_access(
    kid: str, key: Ed25519PrivateKey, of: SessionClaims, ttl_s: float, now: float
) -> str:
    """An access token of a session, signed by the key called `kid`. Else as `issue`."""
    claims = _claims(of.role, of.subject, ttl_s, now) | {
        "aud": ENROLMENT_AUDIENCE if of.enrolling else AUDIENCE,
        "jti": of.jti,
        "sid": of.session_id,
        "acc": of.account_id,
        "amr": list(of.amr),
        "auth_time": int(of.authenticated_at),
    }
    return jwt.encode(claims, key, algorithm=ASYMMETRIC, headers={"kid": kid})


def _claims(role: TokenRole, subject: str, ttl_s: float, now: float) -> dict[str, Any]:
    if role not in ROLES:
        raise ValueError(f"no role {role!r}; there are {', '.join(sorted(ROLES))}")
    if not subject:
        raise ValueError("a token needs a subject")
    if not ttl_s > 0:
        raise ValueError("a token's lifetime must be more than 0 s")
    return {
        "sub": subject,
        "role": role,
        "iat": int(now),
        "exp": int(now + ttl_s),
        "aud": AUDIENCE,
    }


def verify(
    secret: str,
    token: str,
    now: float,
    keys: VerifyingKeys = _NO_KEYS,
    *,
    enrolment: bool = False,
) -> Principal:
    """Whom this token speaks for at `now` (Unix seconds). Raises TokenError.

    `keys`: the public keys of access tokens, by `kid`. `enrolment`: take those as well that are
    good for setting up a second factor only.
    """
    header = _header(token)
    if header.get("alg") == ASYMMETRIC:
        kid = header.get("kid")
        key = keys.get(kid) if isinstance(kid, str) else None
        if key is None:
            raise TokenError("signature", "the token was not signed by this service")
        claims = _decode(token, key, ASYMMETRIC, [AUDIENCE, ENROLMENT_AUDIENCE], _OF_SESSION)
        return _of_session(claims, now, enrolment)
    return _principal(_decode(token, secret, SYMMETRIC, AUDIENCE, _REQUIRED), now)


def _header(token: str) -> dict[str, Any]:
    if len(token) > _LONGEST:
        raise TokenError("malformed", "not a token of this service")
    try:
        return jwt.get_unverified_header(token)
    except (jwt.InvalidTokenError, UnicodeError):
        raise TokenError("malformed", "not a token of this service") from None


def _decode(
    token: str,
    key: str | Ed25519PublicKey,
    algorithm: str,
    audience: str | list[str],
    required: list[str],
) -> dict[str, Any]:
    try:
        claims: dict[str, Any] = jwt.decode(
            token,
            key,
            algorithms=[algorithm],
            audience=audience,
            # The times are checked by the callers, against `now` rather than the library's clock.
            options={
                "require": required,
                "verify_exp": False,
                "verify_iat": False,
                "verify_nbf": False,
                "strict_aud": isinstance(audience, str),
            },
        )
    except jwt.InvalidSignatureError:
        raise TokenError("signature", "the token was not signed by this service") from None
    except jwt.InvalidAlgorithmError:
        raise TokenError("signature", "the token is not signed as this service signs") from None
    except jwt.InvalidAudienceError:
        raise TokenError("audience", "the token is meant for another service") from None
    except jwt.MissingRequiredClaimError as error:
        raise TokenError("claims", f"the token lacks the claim {error.claim}") from None
    except jwt.InvalidTokenError:
        raise TokenError("malformed", "not a token of this service") from None
    return claims


def _of_session(claims: dict[str, Any], now: float, enrolment: bool) -> Principal:
    whole = _principal(claims, now)
    account_id, session_id, amr = claims["acc"], claims["sid"], claims["amr"]
    if not (isinstance(account_id, str) and isinstance(session_id, str) and session_id):
        raise TokenError("claims", "the token's account or session is not one of this service's")
    if not (isinstance(amr, list) and all(isinstance(method, str) for method in amr)):
        raise TokenError("claims", "the token does not say how its bearer was authenticated")
    if claims["aud"] not in (AUDIENCE, ENROLMENT_AUDIENCE):  # a list of both is neither
        raise TokenError("audience", "the token is meant for another service")
    enrolling = claims["aud"] == ENROLMENT_AUDIENCE
    if enrolling and not enrolment:
        raise TokenError("enrolling", "set up a second factor first")
    return Principal(
        whole.role, whole.subject, whole.expires_at, account_id, session_id, tuple(amr), enrolling
    )


def _principal(claims: dict[str, Any], now: float) -> Principal:
    role, subject = claims["role"], claims["sub"]
    issued_at, expires_at = claims["iat"], claims["exp"]
    if not isinstance(subject, str) or not subject or not (isinstance(role, str) and role in ROLES):
        raise TokenError("claims", "the token's role or subject is not one of this service's")
    if not isinstance(expires_at, int | float) or not isinstance(issued_at, int | float):
        raise TokenError("claims", "the token's times are not numbers")
    if now >= expires_at + LEEWAY_S:
        raise TokenError("expired", "the token has expired")
    if issued_at > now + LEEWAY_S:
        raise TokenError("claims", "the token was issued in the future")
    return Principal(role, subject, float(expires_at))  # type: ignore[arg-type]  # of ROLES, as asked above

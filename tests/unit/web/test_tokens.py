"""Bearer tokens: what is issued is verified, and nothing else is."""

from __future__ import annotations

from typing import Any

import jwt
import pytest

from web.tokens import Principal, TokenError, issue, verify

SECRET = "0123456789abcdef0123456789abcdef"
NOW = 1_800_000_000.0


def problem(token: str, secret: str = SECRET, now: float = NOW) -> str:
    with pytest.raises(TokenError) as caught:
        verify(secret, token, now)
    return caught.value.problem


def forged(algorithm: str, changes: dict[str, object]) -> str:
    claims = {"sub": "a", "role": "ops", "iat": NOW, "exp": NOW + 9, "aud": "maxray", **changes}
    kept = {name: value for name, value in claims.items() if value is not None}
    key: Any = None if algorithm == "none" else SECRET * 2
    return jwt.encode(kept, key, algorithm=algorithm)


def test_an_issued_token_says_who_in_which_role_until_when() -> None:
    token = issue(SECRET, "paramedic", "unit-7", 60, NOW)
    assert verify(SECRET, token, NOW + 59) == Principal("paramedic", "unit-7", NOW + 60)


def test_it_expires_after_a_leeway_for_clocks() -> None:
    token = issue(SECRET, "ops", "a", 60, NOW)
    assert verify(SECRET, token, NOW + 64).subject == "a"
    assert problem(token, now=NOW + 65) == "expired"


def test_another_secret_does_not_verify_it() -> None:
    assert problem(issue(SECRET, "ops", "a", 60, NOW), secret=SECRET[::-1]) == "signature"


@pytest.mark.parametrize("algorithm", ["none", "HS384", "HS512"])
def test_only_hs256_is_accepted(algorithm: str) -> None:
    with pytest.raises(TokenError):
        verify(SECRET * 2, forged(algorithm, {}), NOW)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"aud": "other"}, "audience"),
        ({"aud": ["maxray", "other"]}, "audience"),
        ({"aud": None}, "claims"),
        ({"sub": None}, "claims"),
        ({"exp": None}, "claims"),
        ({"role": None}, "claims"),
        ({"role": "system"}, "claims"),
        ({"role": ["ops"]}, "claims"),
        ({"sub": ""}, "claims"),
        ({"iat": NOW + 3600}, "claims"),
    ],
)
def test_claims_are_required_and_checked(changes: dict[str, object], expected: str) -> None:
    assert problem(forged("HS256", changes), secret=SECRET * 2) == expected


@pytest.mark.parametrize("text", ["", "x", "a.b.c", "é.é.é"])
def test_what_is_no_token_is_malformed(text: str) -> None:
    assert problem(text) == "malformed"


def test_senseless_tokens_are_not_issued() -> None:
    for role, subject, ttl in (("system", "a", 1.0), ("ops", "", 1.0), ("ops", "a", 0.0)):
        with pytest.raises(ValueError, match=r"role|subject|lifetime"):
            issue(SECRET, role, subject, ttl, NOW)  # type: ignore[arg-type]  # senseless ones

"""Access tokens: what is signed verifies by its key, and nothing made from it does."""

from __future__ import annotations

import base64
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from actors.clock import ManualClock
from config import Secret
from web.accounts.signing import thumbprint
from web.accounts.verifier import TokenVerifier
from web.tokens import Principal, SessionClaims, TokenError, issue, issue_access, verify

SECRET = "0123456789abcdef0123456789abcdef"
NOW = 1_800_000_000.0
KEY = Ed25519PrivateKey.generate()
KEYS = {"k1": KEY.public_key()}
OF = SessionClaims(
    role="doctor",
    subject="d1",
    account_id="a1",
    session_id="s1",
    amr=("pwd", "otp", "mfa"),
    authenticated_at=NOW,
    jti="j1",
)


def access(**changes: Any) -> str:
    """A token of ours with some claims changed (None: left out)."""
    claims = jwt.decode(issue_access("k1", KEY, OF, 900, NOW), options={"verify_signature": False})
    claims = {k: v for k, v in {**claims, **changes}.items() if v is not None}
    return jwt.encode(claims, KEY, algorithm="EdDSA", headers={"kid": "k1"})


def problem(token: str, now: float = NOW, *, enrolment: bool = False) -> str:
    with pytest.raises(TokenError) as caught:
        verify(SECRET, token, now, KEYS, enrolment=enrolment)
    return caught.value.problem


def test_it_says_who_of_which_session_by_what_until_when() -> None:
    found = verify(SECRET, issue_access("k1", KEY, OF, 900, NOW), NOW, KEYS)
    assert found == Principal("doctor", "d1", NOW + 900, "a1", "s1", ("pwd", "otp", "mfa"))
    assert problem(access(), NOW + 905) == "expired"


def test_both_kinds_are_taken_each_by_its_own_key() -> None:
    assert verify(SECRET, issue(SECRET, "ops", "o", 60, NOW), NOW, KEYS).session_id == ""
    other = Ed25519PrivateKey.generate()
    assert problem(issue_access("k1", other, OF, 900, NOW)) == "signature"
    assert problem(issue_access("unknown", KEY, OF, 900, NOW)) == "signature"
    assert problem(jwt.encode({"sub": "a"}, KEY, algorithm="EdDSA")) == "signature"


def test_the_public_key_is_no_secret_to_sign_with() -> None:
    raw = KEY.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    claims = {"sub": "a", "role": "admin", "iat": NOW, "exp": NOW + 9, "aud": "maxray"}
    for headers in ({}, {"kid": "k1"}):
        forged = jwt.encode(claims, raw, algorithm="HS256", headers=headers)
        assert problem(forged) == "signature"
    nothing: Any = None
    unsigned = jwt.encode(claims, nothing, algorithm="none")
    assert problem(unsigned) in ("signature", "malformed")


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"aud": "another"}, "audience"),
        ({"aud": ["maxray", "maxray-enrol"]}, "audience"),
        ({"aud": ["maxray"]}, "audience"),
        ({"aud": None}, "claims"),
        ({"sid": None}, "claims"),
        ({"sid": ""}, "claims"),
        ({"sid": 7}, "claims"),
        ({"acc": None}, "claims"),
        ({"amr": "pwd"}, "claims"),
        ({"amr": [1]}, "claims"),
        ({"jti": None}, "claims"),
        ({"role": "system"}, "claims"),
        ({"iat": NOW + 60}, "claims"),
        ({"exp": "never"}, "claims"),
    ],
)
def test_claims_are_required_and_checked(changes: dict[str, Any], expected: str) -> None:
    assert problem(access(**changes)) == expected
    assert problem(access(**changes), enrolment=True) == expected


def test_a_token_for_enrolment_is_good_for_nothing_else() -> None:
    token = access(aud="maxray-enrol")
    assert problem(token) == "enrolling"
    assert verify(SECRET, token, NOW, KEYS, enrolment=True).enrolling
    assert not verify(SECRET, access(), NOW, KEYS, enrolment=True).enrolling


def test_an_ended_sessions_tokens_are_refused_and_operators_are_not_touched() -> None:
    ended: set[str] = set()
    verifier = TokenVerifier(Secret(SECRET), KEYS, ended, ManualClock(NOW))
    token = access()
    assert verifier.verify(token).session_id == "s1"
    ended.update({"s1", ""})
    for check in (verifier.verify, verifier.verify_enrolling):
        with pytest.raises(TokenError, match="ended") as caught:
            check(token)
        assert caught.value.problem == "revoked"
    assert verifier.verify(issue(SECRET, "ops", "o", 60, NOW)).subject == "o"


def test_what_is_too_long_is_not_even_looked_at() -> None:
    assert problem("e" * 5000) == "malformed"


def test_a_kid_is_the_thumbprint_of_rfc_8037() -> None:
    public = base64.urlsafe_b64decode("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo=")
    assert thumbprint(public) == "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"

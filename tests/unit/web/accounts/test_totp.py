"""Codes by RFC 6238, held against its own examples; recovery codes; what they look like."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from web.accounts import recovery, totp

# RFC 6238, appendix B, SHA-1: the last six of its eight digits.
SECRET = base64.b32encode(b"12345678901234567890").decode()
EXAMPLES = {
    59: "287082",
    1111111109: "081804",
    1111111111: "050471",
    1234567890: "005924",
    2000000000: "279037",
    20000000000: "353130",
}


@pytest.mark.parametrize(("now", "code"), EXAMPLES.items())
def test_the_examples_of_the_rfc(now: int, code: str) -> None:
    assert totp.step_of(SECRET, code, float(now)) == now // 30


@pytest.mark.parametrize(("drift", "good"), [(-60, False), (-30, True), (30, True), (60, False)])
def test_one_step_off_is_good_and_says_which_it_was(drift: int, good: bool) -> None:
    now = 1111111111
    found = totp.step_of(SECRET, EXAMPLES[now], float(now + drift))
    assert found == (now // 30 if good else None)


@given(st.text(max_size=10))
def test_whatever_is_typed_is_looked_at_without_a_fault(code: str) -> None:
    assert totp.step_of(SECRET, code, 59.0) in (None, 1) or code in EXAMPLES.values()


def test_a_secret_is_random_and_its_address_names_the_account() -> None:
    first, second = totp.new_secret(), totp.new_secret()
    assert first != second and len(base64.b32decode(first)) == 20
    uri = totp.uri(first, "asha@example.org")
    assert uri == f"otpauth://totp/MaxRay:asha%40example.org?secret={first}&issuer=MaxRay"
    assert totp.qr_svg(uri).startswith("<svg")


def test_recovery_codes_are_ten_and_read_back_however_they_are_typed() -> None:
    codes = recovery.new_codes()
    assert len(set(codes)) == 10
    for code in codes:
        plain = recovery.canonical(code)
        assert len(plain) == 16 and not set(plain) & set("ilou")
        for typed in (code.upper(), code.replace("-", " "), code.replace("0", "O"), plain):
            assert recovery.canonical(typed) == plain

"""What a type cannot say of a value."""

from __future__ import annotations

from datetime import date

import pytest

from web.checks import Checks, bare_phone
from web.problems import ProblemError


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("+91 98765-43210", "+919876543210"),
        ("(080) 2345.6789", "08023456789"),
        ("112", None),
        ("+1234567890123456", None),
        ("٠١٢٣٤٥٦٧", None),  # digits, but not those of E.164
        ("98765 ext 4", None),
        ("++9876543210", None),
        ("", None),
    ],
)
def test_a_phone_number_has_one_form(typed: str, kept: str | None) -> None:
    assert bare_phone(typed) == kept


@pytest.mark.parametrize("good", ["asha@okbank", "Asha.Rao-1@YBL", "9876543210@paytm", "a_b@ok1"])
def test_a_upi_id_is_kept_in_lower_case(good: str) -> None:
    checks = Checks()
    assert checks.upi_id(good, "/upi_id") == good.lower()
    checks.done()


@pytest.mark.parametrize(
    "bad",
    ["asha", "@okbank", "a@okbank", "asha@", "asha@ok.bank", "a b@ok", "xy@1k"],
)
def test_what_is_no_upi_id_is_refused(bad: str) -> None:
    checks = Checks()
    checks.upi_id(bad, "/upi_id")
    with pytest.raises(ProblemError) as refused:
        checks.done()
    assert refused.value.problem.status == 422


@pytest.mark.parametrize(
    ("day", "good"),
    [
        (date(2026, 4, 10), True),
        (date(2026, 4, 11), False),
        (date(1889, 12, 31), False),
        (date(1890, 1, 1), True),
    ],
)
def test_nobody_is_born_tomorrow(day: date, good: bool) -> None:
    checks = Checks()
    checks.birth_date(day, date(2026, 4, 10), "/birth_date")
    if good:
        checks.done()
    else:
        with pytest.raises(ProblemError):
            checks.done()


@pytest.mark.parametrize(
    ("text", "good"),
    [
        ("a@b.co", True),
        ("a@b", False),
        ("a b@c.d", False),
        ("a@b..c", False),
        ("@b.c", False),
        ("a" * 65 + "@b.c", False),
        ("a@" + "b" * 251 + ".c", False),
    ],
)
def test_an_address_of_mail_looks_like_one(text: str, good: bool) -> None:
    checks = Checks()
    checks.email(text, "/email")
    if good:
        checks.done()
    else:
        with pytest.raises(ProblemError):
            checks.done()

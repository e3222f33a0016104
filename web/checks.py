"""What a type cannot say of a value: phone numbers, addresses of mail and of payment, dates.

Each check returns the value in its one form, or None after noting what is wrong. A form of it is
kept so that an exact filter finds it however it was typed.
"""

from __future__ import annotations

import re
from datetime import date
from typing import Final

from web.problems import FieldError, invalid_body

_PHONE_NOISE: Final = re.compile(r"[\s().-]")
# E.164: at most 15 digits; without + it is a national number, as people type it.
_PHONE: Final = re.compile(r"\+?[0-9]{5,15}", re.ASCII)
# NPCI's virtual payment address: a handle, then the payment service provider.
_UPI: Final = re.compile(r"[A-Za-z0-9._-]{2,64}@[A-Za-z][A-Za-z0-9]{1,63}", re.ASCII)
_EMAIL: Final = re.compile(r"[^@\s]{1,64}@[^@\s.]+(\.[^@\s.]+)+")
# Nobody alive is older; earlier is a slip of the hand.
_EARLIEST_BIRTH: Final = date(1890, 1, 1)


def bare_phone(text: str) -> str | None:
    """Digits with a leading + where there was one; None where it is no phone number."""
    bare = _PHONE_NOISE.sub("", text)
    return bare if _PHONE.fullmatch(bare) else None


class Checks:
    """Gathers all that is wrong with a body, so that it is said at once."""

    def __init__(self) -> None:
        self._errors: list[FieldError] = []

    def done(self) -> None:
        """Answers 422 unless everything was right."""
        if self._errors:
            raise invalid_body(self._errors)

    def wrong(self, pointer: str, detail: str) -> None:
        self._errors.append(FieldError(detail, pointer=pointer))

    def phone(self, text: str, pointer: str) -> str:
        bare = bare_phone(text)
        if bare is None:
            self.wrong(pointer, "expected a phone number such as +919876543210")
        return bare or text

    def upi_id(self, text: str, pointer: str) -> str:
        """In lower case: NPCI compares them so."""
        if not _UPI.fullmatch(text):
            self.wrong(pointer, "expected a UPI id such as name@bank")
        return text.lower()

    def email(self, text: str, pointer: str) -> str:
        if len(text) > 254 or not _EMAIL.fullmatch(text):
            self.wrong(pointer, "expected an address such as name@example.org")
        return text

    def birth_date(self, day: date, today: date, pointer: str) -> date:
        if not _EARLIEST_BIRTH <= day <= today:
            self.wrong(pointer, f"expected a date from {_EARLIEST_BIRTH} to today")
        return day

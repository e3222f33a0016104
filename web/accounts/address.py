"""Addresses of mail in the one form under which an account is found."""

from __future__ import annotations

import unicodedata

from web.mail.message import AddressRefused, checked_address
from web.problems import FieldError, invalid_body


def canonical(email: str) -> str:
    """NFKC, without case, its domain in ASCII; what is no address, as far as that goes.

    No two mailboxes in use differ in case alone, and people type either.
    """
    folded = unicodedata.normalize("NFKC", email.strip()).casefold()
    try:
        return checked_address(folded)
    except AddressRefused:
        return folded


def checked(email: str, pointer: str = "/email") -> str:
    """In its one form. Answers 422 for what no letter can be sent to."""
    try:
        return checked_address(canonical(email))
    except AddressRefused:
        detail = "expected an address such as name@example.org"
        raise invalid_body([FieldError(detail, pointer=pointer)]) from None

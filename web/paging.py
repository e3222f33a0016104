"""Pages of a listing, newest first, cut along the ids.

The cursor is the last id of a page, made opaque so that nobody builds one. Rows added meanwhile
are newer than all pages still to come; so a walk sees each row that was there at its start once.
"""

from __future__ import annotations

import binascii
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterable
from typing import Annotated, Generic, Protocol, TypeVar
from uuid import UUID

from litestar.params import QueryParameter
from msgspec import Struct

from storage.records.row import Rows
from web.problems import bad_parameter

T = TypeVar("T")
R = TypeVar("R", bound="_Row")

Limit = Annotated[
    int, QueryParameter(name="limit", ge=1, le=100, description="how many on this page, at most")
]
Cursor = Annotated[
    str | None,
    QueryParameter(name="cursor", max_length=64, description="`next` of the page before this one"),
]
LIMIT = 50


class Page(Struct, Generic[T], frozen=True):
    """`next`: the cursor of the page after this one; null at the end."""

    items: tuple[T, ...]
    next: str | None = None


class _Row(Protocol):
    @property
    def id(self) -> str: ...


def page_of(rows: Rows[R], items: Iterable[T]) -> Page[T]:
    """`items`: the rows as they are shown; with some left out the next page is the same."""
    return Page(tuple(items), cursor_of(rows.rows[-1].id) if rows.more else None)


def cursor_of(last_id: str) -> str:
    """The cursor that continues after this id."""
    return urlsafe_b64encode(UUID(last_id).bytes).decode().rstrip("=")


def id_of(cursor: str | None) -> str | None:
    """The id that a cursor stands for. Answers 400 where it is none of ours."""
    if cursor is None:
        return None
    try:
        return str(UUID(bytes=urlsafe_b64decode(cursor + "==")))
    except (ValueError, binascii.Error):
        raise bad_parameter("cursor", "not a cursor of this listing") from None

"""Pages of a listing, newest first, cut along the ids; and the filters that all listings share.

The cursor is the last id of a page, made opaque so that nobody builds one. Rows added meanwhile
are newer than all pages still to come; so a walk sees each row that was there at its start once.
"""

from __future__ import annotations

import binascii
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Annotated, Generic, TypeVar
from uuid import UUID

from litestar.params import QueryParameter
from msgspec import Struct

from web.problems import bad_parameter

T = TypeVar("T")

Limit = Annotated[
    int, QueryParameter(name="limit", ge=1, le=100, description="how many on this page, at most")
]
Cursor = Annotated[
    str | None,
    QueryParameter(name="cursor", max_length=64, description="`next` of the page before this one"),
]
LIMIT = 50
NameFilter = Annotated[
    str | None,
    QueryParameter(
        name="name",
        max_length=200,
        pattern=r"^[^\x00]*$(?!\n)",
        description="whole words of the name, in any order; case and accents do not matter",
    ),
]
RegionFilter = Annotated[
    str | None, QueryParameter(name="region", pattern=r"^[A-Za-z0-9_-]{1,64}$(?!\n)")
]


class Page(Struct, Generic[T], frozen=True):
    """`next`: the cursor of the page after this one; null at the end."""

    items: tuple[T, ...]
    next: str | None = None


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

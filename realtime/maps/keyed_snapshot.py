"""A map's log at one moment, sorted, to be read page by page. Pure.

Shared by all who read the map in the same time: a page is found by bisection. Whoever reads the
state as of an offset may take its pages from any later snapshot, for what a later one lacks was
changed meanwhile and comes to the reader with the changes above its offset.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from itertools import islice

from realtime.errors import BadRequest
from realtime.publication import Publication

_Rank = tuple[int, str]


class KeyedSnapshot:
    """`changes`: the whole log, ascending. `top`: as of which offset."""

    __slots__ = ("_offsets", "_ranked", "changes", "top")

    def __init__(self, changes: Sequence[Publication], top: int) -> None:
        self.changes = changes
        self.top = top
        self._offsets = [change.offset for change in changes]
        self._ranked: dict[bool, tuple[list[_Rank], list[Publication]]] = {}

    def state(self, cursor: str, until: int, limit: int) -> tuple[list[Publication], str]:
        """At most `limit` keys of the state as of offset `until`, by offset, and the cursor of the
        next page, "" behind the last. Raises BadRequest for a cursor that is none.
        """
        if cursor and not (cursor.isascii() and cursor.isdigit() and len(cursor) < 20):
            raise BadRequest("not a cursor of this map")
        start = bisect_right(self._offsets, int(cursor or 0))
        end = bisect_right(self._offsets, until)
        rest = (one for one in islice(self.changes, start, end) if not one.removed)
        page = list(islice(rest, limit + 1))
        return page[:limit], str(page[limit - 1].offset) if len(page) > limit else ""

    def ranking(
        self, cursor: str, until: int, limit: int, ascending: bool
    ) -> tuple[list[Publication], str]:
        """As `state`, by score: highest first or, `ascending`, lowest first; then by key."""
        ranks, changes = self._rank(ascending)
        start = bisect_right(ranks, _parse(cursor, ascending)) if cursor else 0
        rest = (one for one in islice(changes, start, None) if one.offset <= until)
        page = list(islice(rest, limit + 1))
        last = page[limit - 1] if len(page) > limit else None
        return page[:limit], f"{last.score}:{last.key}" if last is not None else ""

    def above(self, offset: int, limit: int) -> Sequence[Publication]:
        """At most `limit` of the changes above an offset, ascending."""
        start = bisect_right(self._offsets, offset)
        return self.changes[start : start + limit]

    def _rank(self, ascending: bool) -> tuple[list[_Rank], list[Publication]]:
        found = self._ranked.get(ascending)
        if found is None:
            ranked = sorted(
                (_of(one.score, one.key, ascending), one) for one in self.changes if not one.removed
            )
            found = [rank for rank, _ in ranked], [one for _, one in ranked]
            self._ranked[ascending] = found
        return found


def _of(score: int, key: str, ascending: bool) -> _Rank:
    return score if ascending else -score, key


def _parse(cursor: str, ascending: bool) -> _Rank:
    score, _, key = cursor.partition(":")
    try:
        return _of(int(score), key, ascending)
    except ValueError:
        raise BadRequest("not a cursor of this map") from None

"""The publications of one turn on one channel, encoded once a format for all who are given them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from realtime.errors import UnencodablePayload
from realtime.hub.compression import Budget, delta_message
from realtime.hub.tags_filter import TagsFilter
from realtime.protocol.codec import Codec
from realtime.protocol.messages import Push
from realtime.publication import Publication
from realtime.transport.message import Message

ANNOUNCEMENTS = ("join", "leave")
"""Deliveries that are for those alone who want to know who comes and goes."""


class Run:
    """`publications` in the order they are to be given; nothing is added to it any more.

    Subscribers with the same codec who take the same ones share the very same Message objects.
    `plain`: the indices of all but joins and leaves. `unencodable`: how many publications some
    format could not carry.
    """

    __slots__ = (
        "_budget",
        "_deltas",
        "_frames",
        "_limit_bytes",
        "_messages",
        "_passing",
        "plain",
        "publications",
        "unencodable",
    )

    def __init__(
        self, publications: Sequence[Publication], limit_bytes: int, budget: Budget
    ) -> None:
        """`limit_bytes`: frames are joined up to about that size of a message."""
        self.publications = publications
        self.plain = tuple(
            index for index, one in enumerate(publications) if one.delivery not in ANNOUNCEMENTS
        )
        self.unencodable = 0
        self._limit_bytes = limit_bytes
        self._frames: dict[tuple[Codec, int], bytes | None] = {}
        self._messages: dict[tuple[Codec, tuple[int, ...] | None], list[Message] | None] = {}
        self._budget = budget
        self._deltas: dict[tuple[Codec, tuple[int, ...], int], list[Message] | None] = {}
        self._passing: dict[tuple[TagsFilter, int], bool] = {}

    def passes(self, tags_filter: TagsFilter, index: int) -> bool:
        """Whether a filter lets a publication pass; equal filters are asked once."""
        key = (tags_filter, index)
        if key not in self._passing:
            self._passing[key] = tags_filter(self.publications[index].tags or {})
        return self._passing[key]

    def last(self, taken: tuple[int, ...]) -> Publication | None:
        """The last publication with data of these."""
        for index in reversed(taken):
            if self.publications[index].delivery not in ANNOUNCEMENTS:
                return self.publications[index]
        return None

    def messages(self, codec: Codec, taken: tuple[int, ...]) -> list[Message] | None:
        """The publications with these indices. None: this format cannot carry them all."""
        # Nearly all take everything. To hash its indices for each of them was a third of what a
        # run of 200 cost a subscriber.
        key = (codec, None if taken is self.plain else taken)
        try:
            return self._messages[key]
        except KeyError:
            found = self._messages[key] = self._join(
                codec, (self._frame(codec, index) for index in taken)
            )
            return found

    def deltas(
        self, codec: Codec, taken: tuple[int, ...], base: Publication | None
    ) -> list[Message] | None:
        """The same as a chain of deltas, for those who were given `base` last (None: nothing)."""
        key = (codec, taken, id(base))  # whoever is given this run holds its base for so long
        if key not in self._deltas:
            self._deltas[key] = self._join(codec, self._chain(codec, taken, base))
        return self._deltas[key]

    def _chain(
        self, codec: Codec, taken: tuple[int, ...], base: Publication | None
    ) -> Iterator[bytes | None]:
        for index in taken:
            publication = self.publications[index]
            if publication.delivery in ANNOUNCEMENTS:
                yield self._frame(codec, index)
                continue
            try:
                delta = self._budget.between(base, publication)
                message = delta_message(codec, publication, delta)
            except UnencodablePayload:
                self.unencodable += 1
                yield None
                return
            yield codec.push(Push(channel=publication.channel, pub=message))
            base = publication

    def _join(self, codec: Codec, encoded: Iterable[bytes | None]) -> list[Message] | None:
        messages: list[Message] = []
        frames: list[bytes] = []
        size = 0
        for frame in encoded:
            if frame is None:
                return None
            if frames and size + len(frame) > self._limit_bytes:
                messages.append(Message(codec, frames))
                frames, size = [], 0
            frames.append(frame)
            size += len(frame)
        if frames:
            messages.append(Message(codec, frames))
        return messages

    def _frame(self, codec: Codec, index: int) -> bytes | None:
        key = (codec, index)
        if key not in self._frames:
            try:
                self._frames[key] = codec.publication(self.publications[index])
            except UnencodablePayload:
                self.unencodable += 1
                self._frames[key] = None
        return self._frames[key]

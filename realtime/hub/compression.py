"""Publications as deltas against the one given before: which delta, and how it stands in messages.

What is sent to a subscription with deltas is a chain: a whole publication, then deltas, each
against the publication that this subscriber was given last. A whole one may stand anywhere in it.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable

import msgspec

from realtime.errors import UnencodablePayload
from realtime.hub.delta import create
from realtime.protocol.codec import Codec, publication_message
from realtime.protocol.messages import PublicationMessage
from realtime.publication import Publication

_CACHED = 4096
_CACHED_BYTES = 4 * 1024 * 1024
"""So many deltas between facts are remembered, for other formats and for those who recover."""
_FRESH_BYTES = 128 * 1024
"""For so many bytes of publications deltas are computed at a time: some ten milliseconds at worst.
The rest goes whole."""


class Deltas:
    """Each delta between two facts is computed once on a node."""

    def __init__(self) -> None:
        self._known: OrderedDict[tuple[str, str, int, int], bytes] = OrderedDict()
        self._bytes = 0

    def budget(self) -> Budget:
        """For one piece of work that must not hold up others."""
        return Budget(self)

    def known(self, base: Publication, publication: Publication) -> bytes | None:
        """The delta, if it was computed; b"" where it is no shorter than the publication."""
        return self._known.get(_key(base, publication)) if _cacheable(base, publication) else None

    def compute(self, base: Publication, publication: Publication) -> bytes:
        """The delta; b"" where it is no shorter than the publication."""
        delta = create(base.data, publication.data)
        if len(delta) >= len(publication.data):
            delta = b""
        if _cacheable(base, publication):
            self._known[_key(base, publication)] = delta
            self._bytes += len(delta)
            while len(self._known) > _CACHED or self._bytes > _CACHED_BYTES:
                self._bytes -= len(self._known.popitem(last=False)[1])
        return delta


class Budget:
    """How many deltas may still be computed; those that are known cost nothing."""

    __slots__ = ("_deltas", "_left")

    def __init__(self, deltas: Deltas) -> None:
        self._deltas = deltas
        self._left = _FRESH_BYTES

    def between(self, base: Publication | None, publication: Publication) -> bytes:
        """The delta from `base`; b"" where the whole publication is to be sent."""
        if base is None or publication.removed or publication.whole:
            return b""
        delta = self._deltas.known(base, publication)
        if delta is None:
            if self._left <= 0:
                return b""
            self._left -= len(base.data) + len(publication.data)
            delta = self._deltas.compute(base, publication)
        return delta


def delta_message(codec: Codec, publication: Publication, delta: bytes) -> PublicationMessage:
    """A publication for a subscription with deltas; b"": whole. Raises UnencodablePayload."""
    message = publication_message(codec, publication)
    if publication.removed:
        return message
    if delta:
        try:
            return msgspec.structs.replace(message, data=codec.delta(delta), delta=True)
        except UnencodablePayload:
            pass  # a delta between two texts is a text, but that is the format's to say
    return msgspec.structs.replace(message, data=codec.delta(publication.data))


def delta_chain(
    codec: Codec, publications: Iterable[Publication], budget: Budget
) -> tuple[PublicationMessage, ...]:
    """Publications in a subscribe reply: the first whole, each of the others as a delta against
    the one before it. Raises UnencodablePayload.
    """
    messages = []
    base: Publication | None = None
    for publication in publications:
        messages.append(delta_message(codec, publication, budget.between(base, publication)))
        base = publication
    return tuple(messages)


def _cacheable(base: Publication, publication: Publication) -> bool:
    """The data of facts are known by their offsets."""
    return 0 < base.offset < publication.offset and base.epoch == publication.epoch


def _key(base: Publication, publication: Publication) -> tuple[str, str, int, int]:
    return publication.channel, publication.epoch, base.offset, publication.offset

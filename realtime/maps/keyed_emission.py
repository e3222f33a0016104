"""From a map's changes to its readers on this node: one encoding for all who are told alike."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from msgspec.structs import replace

from realtime.codes import DISCONNECT_INAPPROPRIATE_PROTOCOL
from realtime.errors import UnencodablePayload
from realtime.hub.channel import Subscriber
from realtime.hub.compression import Budget, Deltas, delta_message
from realtime.hub.tags_filter import TagsFilter
from realtime.maps.keyed_view import Form, KeyedReader, KeyedView, Step
from realtime.metrics import Metrics
from realtime.protocol.codec import Codec, publication_message
from realtime.protocol.messages import PublicationMessage, Push
from realtime.publication import Publication
from realtime.settings import RealtimeSettings
from realtime.transport.message import Message

log = logging.getLogger(__name__)

_Group = tuple[Codec, Form, TagsFilter | None, int | None]
"""Those who are told alike; the last is the offset of those who have just come."""


class KeyedEmission:
    def __init__(self, settings: RealtimeSettings, metrics: Metrics) -> None:
        self._settings = settings
        self._metrics = metrics
        self._deltas = Deltas()

    def emit(self, view: KeyedView) -> None:
        """Give every reader what it has not been given yet."""
        steps = view.emission()
        if not steps or not view.readers:
            view.fresh.clear()
            return
        told: dict[_Group, Sequence[Message] | None] = {}
        budget = self._deltas.budget()
        unfit: list[Subscriber] = []
        for subscriber, reader in view.readers.items():
            since = reader.offset if subscriber in view.fresh else None
            group = subscriber.codec, reader.form, reader.tags_filter, since
            if group not in told:
                told[group] = self._messages(view, steps, reader, since, budget)
            messages = told[group]
            if messages is None:
                unfit.append(subscriber)
                continue
            for message in messages:
                subscriber.deliver(message)
        view.fresh.clear()
        if unfit:
            log.error("a change of the map %r is not fit for its readers' format", view.name)
            self._metrics.unencodable_payloads += 1
        for subscriber in unfit:
            subscriber.close(DISCONNECT_INAPPROPRIATE_PROTOCOL)

    def _messages(
        self,
        view: KeyedView,
        steps: Sequence[Step],
        reader: KeyedReader,
        since: int | None,
        budget: Budget,
    ) -> Sequence[Message] | None:
        """What one group is told, in messages of about `frame_bytes`; None where it cannot be."""
        codec = reader.subscriber.codec
        messages: list[Message] = []
        frames: list[bytes] = []
        size = 0
        try:
            for step in steps:
                change, before = step.change, step.before
                if since is not None:
                    if change.offset <= since:
                        continue
                    before = None  # these may have another value than the others
                found = _told(codec, view, reader, change, before, since is not None, budget)
                if found is None:
                    continue
                frame = codec.push(Push(channel=view.name, pub=found))
                if frames and size + len(frame) > self._settings.frame_bytes:
                    messages.append(Message(codec, frames))
                    frames, size = [], 0
                frames.append(frame)
                size += len(frame)
        except UnencodablePayload:
            return None
        if frames:
            messages.append(Message(codec, frames))
        return messages


def _told(
    codec: Codec,
    view: KeyedView,
    reader: KeyedReader,
    change: Publication,
    before: Publication | None,
    unsure: bool,
    budget: Budget,
) -> PublicationMessage | None:
    """How a reader is told of a change; None: not at all. `unsure`: what it has of the key."""
    passes = reader.tags_filter
    shown = not change.removed and (passes is None or passes(change.tags or {}))
    if reader.form == "plain" and not shown:
        return None
    if passes is not None and not shown:
        had = before is not None and not before.removed and passes(before.tags or {})
        if not (had or unsure):
            return None
        return change_message(codec, _removal(change), reader.form, view.options.recoverable)
    if reader.form == "delta":
        usable = before if before is not None and not before.removed else None
        delta = budget.between(usable, change)
        return _positioned(delta_message(codec, change, delta), view.options.recoverable)
    return change_message(codec, change, reader.form, view.options.recoverable)


def change_message(
    codec: Codec, change: Publication, form: Form, recoverable: bool
) -> PublicationMessage:
    """A change in full, as it stands in pushes and results. Raises UnencodablePayload."""
    if form == "plain":
        message = publication_message(codec, change)
        return replace(message, offset=0, key="", score=0)
    if form == "delta":
        return _positioned(delta_message(codec, change, b""), recoverable)
    return _positioned(publication_message(codec, change), recoverable)


def filtered_message(
    codec: Codec, change: Publication, passes: TagsFilter, recoverable: bool
) -> PublicationMessage:
    """A change for one who reads through a filter and may have an older value of the key: what
    does not pass (any more) is removed there."""
    shown = change if change.removed or passes(change.tags or {}) else _removal(change)
    return change_message(codec, shown, "map", recoverable)


def _positioned(message: PublicationMessage, recoverable: bool) -> PublicationMessage:
    return message if recoverable else replace(message, offset=0)


def _removal(change: Publication) -> Publication:
    """A key is taken away, whatever else it is given now: not for these eyes."""
    return Publication(
        change.channel,
        b"",
        change.offset,
        change.epoch,
        change.key,
        "keyed",
        time=change.time,
        removed=True,
    )

"""One step of a client towards a map subscription: the reply, from what the node knows of the map.

Pure; `keyed_hub.py` describes the conversation.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Raw, Struct

from realtime.errors import BadRequest, UnrecoverablePosition
from realtime.hub.channel import Subscriber
from realtime.hub.tags_filter import compile_filter
from realtime.maps.keyed import KeyedOptions
from realtime.maps.keyed_emission import change_message, filtered_message
from realtime.maps.keyed_log import KeyedLog
from realtime.maps.keyed_view import Form, KeyedReader, KeyedView
from realtime.ports import SubscribeOptions
from realtime.protocol.messages import (
    NO_DATA,
    PHASE_LIVE,
    PHASE_STATE,
    PHASE_STREAM,
    SUBSCRIPTION_MAPS,
    SUBSCRIPTION_STREAM,
    PublicationMessage,
    SubscribeRequest,
    SubscribeResult,
)
from realtime.publication import Publication


class Step(Struct, frozen=True):
    """`target`: the offset a client has to come to by STREAM; then it is given the rest, however
    much, so that nobody runs after a fast map for ever."""

    view: KeyedView
    subscriber: Subscriber
    request: SubscribeRequest
    options: SubscribeOptions
    target: int

    @property
    def log(self) -> KeyedLog:
        assert self.view.log is not None
        return self.view.log

    @property
    def keyed(self) -> KeyedOptions:
        return self.view.options


Answer = tuple[KeyedReader | None, SubscribeResult]
"""Without a reader: a page. With one: live, from the very state of the view that was shown."""


def answer(step: Step) -> Answer:
    """Raises BadRequest, UnrecoverablePosition, UnencodablePayload."""
    request = step.request
    if request.type != SUBSCRIPTION_STREAM and request.type not in SUBSCRIPTION_MAPS:
        raise BadRequest("no such type of subscription")
    reader = _reader(step)
    if reader.form == "plain":
        return reader, _plain(step, reader)
    if request.phase == PHASE_STATE:
        return _state(step, reader)
    if request.phase in (PHASE_STREAM, PHASE_LIVE):
        return _stream(step, reader)
    raise BadRequest("no such phase")


def _reader(step: Step) -> KeyedReader:
    request, options = step.request, step.options
    if request.tf is not None and not options.tags_filter:
        raise BadRequest("there are no filters for this channel")
    tags_filter = compile_filter(request.tf) if request.tf is not None else None
    form: Form = "map"
    if request.type == SUBSCRIPTION_STREAM:
        form = "plain"
    elif options.delta and request.delta == "fossil" and tags_filter is None:
        form = "delta"
    return KeyedReader(step.subscriber, form, tags_filter, step.log.top)


def _state(step: Step, reader: KeyedReader) -> Answer:
    request, keyed, log = step.request, step.keyed, step.log
    limit = keyed.page(request.limit)
    if request.epoch:
        _check_position(step)
        until = request.offset
        snapshot = step.view.snapshot(until, len(log.live) + limit)
    else:
        snapshot = step.view.snapshot(0, limit)
        until = snapshot.top
        if not log.covers(until):
            snapshot = step.view.snapshot(log.top, 0)
            until = snapshot.top
    if keyed.ordered:
        page, cursor = snapshot.ranking(request.cursor, until, limit, request.asc)
    else:
        page, cursor = snapshot.state(request.cursor, until, limit)
    passes = reader.tags_filter
    if passes is not None:
        page = [one for one in page if passes(one.tags or {})]
    state = _messages(step, reader, page)
    if cursor or not _little(step, until, limit):
        return None, SubscribeResult(
            type=request.type,
            phase=PHASE_STATE,
            epoch=log.epoch,
            offset=until,
            cursor=cursor,
            state=state,
        )
    return _live(step, reader, until, state)


def _stream(step: Step, reader: KeyedReader) -> Answer:
    request, keyed = step.request, step.keyed
    if not keyed.recoverable:
        raise UnrecoverablePosition("this map keeps no positions")
    _check_position(step)
    since, limit = request.offset, keyed.page(request.limit)
    if request.recover and keyed.stream_size and step.log.top - since > keyed.stream_size:
        raise UnrecoverablePosition("too many changes since")
    if since >= step.target or _little(step, since, limit) or request.phase == PHASE_LIVE:
        return _live(step, reader, since, ())
    page = step.view.snapshot(since + limit, len(step.log.live) + limit).above(since, limit)
    return None, SubscribeResult(
        type=request.type,
        phase=PHASE_STREAM,
        epoch=step.log.epoch,
        offset=page[-1].offset,
        publications=_messages(step, reader, page),
    )


def _check_position(step: Step) -> None:
    request, log = step.request, step.log
    if request.epoch != log.epoch or not log.covers(request.offset):
        raise UnrecoverablePosition("the map cannot be told from there on")


def _little(step: Step, since: int, limit: int) -> bool:
    """Whether what was changed since fits into the last reply."""
    room = max(limit, step.keyed.page_size_max)
    return not step.keyed.recoverable or step.log.top - since <= room


def _live(
    step: Step, reader: KeyedReader, since: int, state: tuple[PublicationMessage, ...]
) -> Answer:
    request, keyed, log = step.request, step.keyed, step.log
    recovering = request.recover and request.phase != PHASE_STATE
    return reader, SubscribeResult(
        type=request.type,
        phase=PHASE_LIVE,
        epoch=log.epoch if keyed.recoverable else "",
        offset=log.top if keyed.recoverable else 0,
        recoverable=keyed.recoverable,
        positioned=keyed.recoverable,
        state=state,
        publications=_messages(step, reader, log.above(since)),
        was_recovering=recovering,
        recovered=recovering or None,
        delta=reader.form == "delta",
        publish_debounce=keyed.publish_debounce_ms,
        data=_data(step),
    )


def _plain(step: Step, reader: KeyedReader) -> SubscribeResult:
    passes = reader.tags_filter
    live = step.log.live.values()
    shown = [one for one in live if passes is None or passes(one.tags or {})]
    return SubscribeResult(
        publications=_messages(step, reader, shown),
        was_recovering=step.request.recover,
        recovered=False if step.request.recover else None,
        data=_data(step),
    )


def _messages(
    step: Step, reader: KeyedReader, changes: Sequence[Publication]
) -> tuple[PublicationMessage, ...]:
    codec, passes = step.subscriber.codec, reader.tags_filter
    recoverable = step.keyed.recoverable
    if passes is None or reader.form == "plain":
        return tuple(change_message(codec, one, reader.form, recoverable) for one in changes)
    return tuple(filtered_message(codec, one, passes, recoverable) for one in changes)


def _data(step: Step) -> Raw:
    data = step.options.data
    return step.subscriber.codec.payload(data) if data is not None else NO_DATA

"""Map subscriptions: how clients come to a map, and how its changes come to them.

**On the wire** (the messages are those of `protocol/messages.py`). A subscribe command with `type`
map is one step of a conversation, answered by `phase`:

| request | reply |
| --- | --- |
| `phase` STATE (2), no cursor: begin | `state`: a page of keys, each with the offset of its newest
change; `epoch` and `offset` as of which the state is read; `cursor` where there is more |
| STATE with `cursor`, `epoch`, `offset` as replied | the next page of the state as of that offset |
| STREAM (1) with `epoch`, `offset`: changes above that, after the last page or, with `recover`,
instead of all pages | `publications`: a page of changes; `offset`: of the last of them |

The server ends it when what is left is little: the reply has `phase` LIVE (0, so it is absent) and
everything up to its `offset`, in `state` (only from STATE) and `publications`; from then on changes
are pushed. So a small map takes one command. `type` is echoed. `recovered` is true only after
STREAM with `recover`: the client applies the changes one by one; else it applies all of them to the
state and shows that as a whole. Changes have `key`, and `removed` for removals, which have no data.
The client keeps the offset of the last change it saw, or of the LIVE reply.

Error 112 (unrecoverable position) answers an epoch that is no more, an offset below the map's
floor, or further back than `stream_size`: the client begins with STATE again. Unsubscribe 2500
tells a subscriber that changes were lost to it here: it comes back with STREAM and `recover`.

With delta (`fossil`) every value is sent in the form for deltas (JSON: the text as a string),
pages included, which the LIVE reply confirms by `delta`. A pushed change may be a delta against the
last value that this client was given for the *key*; a removal ends that chain. With a filter (`tf`,
repeated in each step, never together with deltas) a key that does not pass any more is told as
removed. A map that is not recoverable has no offsets, and goes LIVE from STATE always.

A publish command with `type` map sets `key`, or with `removed` takes it away.

**Here.** The node keeps the log of each map that is read here (`KeyedView`) and answers from it:
ten thousand clients who come at once cost the store one reading. The steps of one client need no
memory but what the policy said at the first of them, for it may decide by what only that carried.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from weakref import WeakKeyDictionary

from msgspec import Struct

from realtime.clock import Clock
from realtime.codes import UNSUBSCRIBE_INSUFFICIENT_STATE, Unsubscribe
from realtime.errors import NotAvailable
from realtime.hub.channel import Subscriber
from realtime.hub.turn import Turn
from realtime.maps.keyed import KeyedStore
from realtime.maps.keyed_emission import KeyedEmission
from realtime.maps.keyed_steps import Answer, Step, answer
from realtime.maps.keyed_sync import KeyedSync
from realtime.maps.keyed_view import KeyedReader, KeyedView, Received
from realtime.metrics import Metrics
from realtime.ports import SubscribeOptions
from realtime.protocol.messages import PHASE_STATE, PHASE_STREAM, SubscribeRequest
from realtime.publication import Publication
from realtime.settings import RealtimeSettings
from realtime.wheel import TimerWheel

_GRANT_S = 30.0
"""Between two steps of a client; after that the policy is asked again."""
_GRANTS = 128
"""Maps that one client may be about to read; about others the policy is asked at each step."""

End = Callable[[Subscriber, str, Unsubscribe], None]
"""Ends a subscription and tells the subscriber."""


class _Grant(Struct):
    """What the policy said at the first step of a client. `target`: see `keyed_steps.Step`."""

    options: SubscribeOptions
    type: int
    until: float
    target: int | None = None


class KeyedHub:
    """`store` None: there are no maps here."""

    def __init__(
        self,
        store: KeyedStore | None,
        settings: RealtimeSettings,
        clock: Clock,
        wheel: TimerWheel,
        metrics: Metrics,
        turn: Turn,
        end: End,
    ) -> None:
        self._clock = clock
        self._wheel = wheel
        self._metrics = metrics
        self._turn = turn
        self._end = end
        self._emission = KeyedEmission(settings, metrics)
        self._sync: KeyedSync | None = None
        if store is not None:
            self._sync = KeyedSync(store, settings, wheel, self._news, self._lose)
        self._grants: WeakKeyDictionary[Subscriber, dict[str, _Grant]] = WeakKeyDictionary()

    def start(self) -> None:
        if self._sync is not None:
            self._sync.start()

    async def stop(self) -> None:
        if self._sync is not None:
            await self._sync.stop()

    # Subscribers come and go.

    def granted(self, subscriber: Subscriber, request: SubscribeRequest) -> SubscribeOptions | None:
        """What the policy said when this client began to read this map; None: ask it."""
        grant = self._grant(subscriber, request)
        return grant.options if grant is not None else None

    async def join(
        self, subscriber: Subscriber, request: SubscribeRequest, options: SubscribeOptions
    ) -> Answer:
        """One step towards a subscription. With a reader it is the last: `establish` it and send
        the reply without an await in between. The channel must be listened to.

        Raises BadRequest, NotAvailable, UnrecoverablePosition, BrokerUnavailable,
        HistoryUnavailable, UnencodablePayload.
        """
        if self._sync is None:
            raise NotAvailable("there are no maps here")
        assert options.keyed is not None
        view = await self._sync.view(request.channel, options.keyed, request)
        assert view.log is not None
        grant = self._grant(subscriber, request)
        target = grant.target if grant is not None else None
        if target is None:
            target = view.log.top
        reader, result = answer(Step(view, subscriber, request, options, target))
        self._remember(subscriber, request, options, target, live=reader is not None)
        if reader is not None and result.recovered:
            self._metrics.recoveries_ok += 1
        return reader, result

    def establish(self, name: str, reader: KeyedReader) -> None:
        """From now on the reader is given the changes above its offset."""
        assert self._sync is not None
        view = self._sync.views[name]
        view.readers[reader.subscriber] = reader
        if view.behind:
            view.fresh[reader.subscriber] = reader
        self._sync.watch(view)

    def leave(self, name: str, subscriber: Subscriber) -> None:
        """Nothing is given to it any more, and a conversation under way begins anew."""
        view = self._view(name)
        if view is not None:
            view.readers.pop(subscriber, None)
            view.fresh.pop(subscriber, None)
        grants = self._grants.get(subscriber)
        if grants:
            grants.pop(name, None)

    def close(self, name: str) -> None:
        """Nobody reads this map here any more."""
        if self._sync is not None:
            self._sync.close(name)

    # Changes come in, and go out.

    def receive(self, change: Publication) -> None:
        """A change was published."""
        view = self._view(change.channel)
        if view is None or self._sync is None:
            return
        received = view.receive(change)
        if received is Received.KNOWN:
            self._metrics.duplicates_dropped += 1
        elif received is Received.GAP:
            self._metrics.gaps_found += 1
            self._sync.read(view)
        elif received is Received.FOREIGN:
            self._lose(view)
            self._sync.read(view)
        else:
            self._news(view)

    def reconnected(self, name: str) -> None:
        """The broker was away: changes may have been missed."""
        view = self._view(name)
        if view is not None and self._sync is not None:
            self._sync.check(view)

    def _news(self, view: KeyedView) -> None:
        """Let what waits be given out: in a while, or at the end of this turn of the loop."""
        if not view.readers:
            view.emission()  # nobody is owed it
        elif view.behind and not view.scheduled:
            view.scheduled = True
            if view.options.conflation_s:
                self._wheel.after(view.options.conflation_s, partial(self._emit, view))
            else:
                self._turn.give_out(partial(self._emit, view))

    def _emit(self, view: KeyedView) -> None:
        view.scheduled = False
        self._emission.emit(view)

    def _lose(self, view: KeyedView) -> None:
        """What was missed cannot be had: readers are told, come back, and read the map anew."""
        self._metrics.positions_lost += 1
        view.reset()
        for subscriber, reader in list(view.readers.items()):
            if reader.form != "plain":
                self._end(subscriber, view.name, UNSUBSCRIBE_INSUFFICIENT_STATE)

    def _view(self, name: str) -> KeyedView | None:
        return self._sync.views.get(name) if self._sync is not None else None

    def _grant(self, subscriber: Subscriber, request: SubscribeRequest) -> _Grant | None:
        begins = request.phase == PHASE_STATE and not request.cursor
        grants = self._grants.get(subscriber)
        grant = grants.get(request.channel) if grants and not begins else None
        if grant is None or grant.type != request.type or grant.until < self._clock.monotonic():
            return None
        return grant

    def _remember(
        self,
        subscriber: Subscriber,
        request: SubscribeRequest,
        options: SubscribeOptions,
        target: int,
        live: bool,
    ) -> None:
        grants = self._grants.setdefault(subscriber, {})
        grants.pop(request.channel, None)
        if live or len(grants) >= _GRANTS:
            return
        until = self._clock.monotonic() + _GRANT_S
        streaming = request.phase == PHASE_STREAM
        grants[request.channel] = _Grant(
            options, request.type, until, target if streaming else None
        )

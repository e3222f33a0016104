"""Who may subscribe to what, and how each channel is delivered (DESIGN §5).

Decided by `actors/domain/access.py`. The facts about an emergency come from its entity at
subscription, and from each fact published on its channel after that: so a released crew loses the
channel in the same moment. Relationships are looked up at subscription; those that let somebody in
are watched from then on (web/access/grants.py), and their end has everything asked about anew.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

import msgspec
from msgspec import Struct

from actors.domain.access import Facts, channel_facts, could, may
from actors.domain.emergency.commands import ViewEmergency
from actors.domain.emergency.machine import ENDED
from actors.domain.kernel import DomainError, EntityRef, Sender
from actors.domain.relationship import Relationship, standing
from actors.errors import RuntimeFault
from actors.ports import Clock
from actors.router import Router
from realtime.errors import PermissionDenied, RealtimeError, UnknownChannel
from realtime.ports import Identity, SubscribeOptions
from realtime.protocol.messages import PublishRequest, SubscribeRequest
from realtime.publication import Append, Peer, Publication
from storage.records import RecordsUnavailable
from web.access.caller import caller_of
from web.access.decision import Decision, Told, untold
from web.access.notice import RETENTION
from web.channels.catalogue import CHANNELS
from web.channels.maps import map_of
from web.channels.pushed import NAMESPACES as PUSHED
from web.channels.pushed import Pushed

READER: Final = Sender("system", "realtime")
READ_TIMEOUT_S: Final = 5.0


class _Parties(Struct, frozen=True):
    """What an emergency's views say of who it concerns."""

    patient_id: str | None = None
    unit: str | None = None
    status: str | None = None
    crew: tuple[str, ...] | None = None

    def on_the_case(self) -> tuple[str, ...]:
        """As `Emergency.crew`. Older facts do not say it, and name a unit that was there still
        when it is over."""
        if self.crew is not None:
            return self.crew
        return (self.unit,) if self.unit and self.status not in ENDED else ()


class _Update(Struct, frozen=True):
    """A fact on `emergency:<id>`, as far as access goes (views.EmergencyUpdate)."""

    emergency: _Parties


_parties = msgspec.json.Decoder(_Parties)
_update = msgspec.json.Decoder(_Update)


Held = Callable[[Sender], Awaitable[tuple[Relationship, ...]]]
"""The relationships in force that a principal holds. Raises RecordsUnavailable."""


async def _holds_none(_who: Sender) -> tuple[Relationship, ...]:
    return ()


def _unwatched(_relationship: Relationship) -> None:
    return


class AccessPolicy:
    """`realtime.ports.ChannelPolicy` by the domain's access table.

    `granted` is told of each relationship that lets somebody in, so that its end is seen; `told`
    of each subscription, granted or refused, and of what is pushed to crews and doctors of patients
    (pushed.py). Without `held` nobody has relationships.
    """

    def __init__(
        self,
        router: Router,
        clock: Clock,
        held: Held = _holds_none,
        granted: Callable[[Relationship], None] = _unwatched,
        told: Told = untold,
    ) -> None:
        self._router = router
        self._clock = clock
        self._held = held
        self._granted = granted
        self._told = told
        self._pushed = Pushed(told)

    async def subscribe(self, identity: Identity, request: SubscribeRequest) -> SubscribeOptions:
        channel = request.channel
        namespace, colon, subject = channel.partition(":")
        kind = CHANNELS.get(namespace)
        if kind is None or not colon or not subject:
            raise UnknownChannel(f"channels are {', '.join(k.address for k in CHANNELS.values())}")
        of_emergency = namespace in ("emergency", "track")
        parties = _Parties()
        caller = caller_of(identity).sender
        if of_emergency and could(caller.role, f"subscribe.{namespace}"):
            parties = await self._parties_of(identity, namespace, subject)
        action, facts = channel_facts(channel, parties.patient_id, parties.on_the_case())
        who = await self._standing(caller, action, facts)
        allowed = may(who, action, facts)
        self._decided(identity, namespace, subject, allowed, facts.patient_id)
        if not allowed:
            raise PermissionDenied(f"{who.role} may not {action} here")
        # Of the facts about an emergency only its crew changes: who is in by that is asked again.
        again = of_emergency and not may(who, action, Facts(patient_id=facts.patient_id))
        return SubscribeOptions(
            delivery=kind.delivery,
            recoverable=kind.delivery == "fact",
            positioned=kind.delivery == "fact",
            guarded=(again and namespace == "emergency") or namespace in PUSHED,
            guard=f"emergency:{subject}" if again and namespace == "track" else None,
            keyed=map_of(channel),
            retention=RETENTION if namespace == "patient" else None,
        )

    async def _standing(self, who: Sender, action: str, facts: Facts) -> Sender:
        """`who`, with the ties that let it in where nothing else does. Those are watched."""
        if may(who, action, facts) or facts.patient_id is None or not could(who.role, action):
            return who
        try:
            held = await self._held(who)
        except RecordsUnavailable as error:
            raise RealtimeError("who stands how to whom cannot be read just now") from error
        mine = tuple(one for one in held if one.patient_id == facts.patient_id)
        known = standing(who, mine, self._clock.now())
        if may(known, action, facts):
            for one in mine:
                self._granted(one)
        return known

    def _decided(
        self,
        identity: Identity,
        namespace: str,
        subject: str,
        allowed: bool,
        patient_id: str | None = None,
    ) -> None:
        self._told(
            Decision(
                identity=identity,
                action=f"subscribe.{namespace}",
                kind=namespace,
                id=subject,
                outcome="allowed" if allowed else "denied",
                patients=() if patient_id is None else (patient_id,),
            )
        )

    async def _parties_of(self, identity: Identity, namespace: str, emergency: str) -> _Parties:
        """Raises PermissionDenied where there is none: its absence is nobody's to see."""
        try:
            answer = await self._router.read(
                EntityRef("emergency", emergency),
                ViewEmergency(),
                by=READER,
                timeout_s=READ_TIMEOUT_S,
                urgent=True,
            )
        except DomainError:
            self._decided(identity, namespace, emergency, allowed=False)
            raise PermissionDenied("no emergency that this token may see has this id") from None
        except RuntimeFault as error:
            raise RealtimeError("the emergency cannot be read just now") from error
        return _parties.decode(answer)

    def still_allowed(self, identity: Identity, channel: str, payload: bytes) -> bool:
        who = caller_of(identity).sender
        if channel.partition(":")[0] in PUSHED:
            self._pushed(identity, channel, payload)
            return may(who, *channel_facts(channel))
        parties = _update.decode(payload).emergency
        action, facts = channel_facts(channel, parties.patient_id, parties.on_the_case())
        return may(who, action, facts)

    async def refresh(self, identity: Identity, channel: str, token: str) -> float | None:
        raise PermissionDenied("subscriptions end with their connection, not before")

    async def access(self, identity: Identity, channel: str) -> SubscribeOptions:
        raise PermissionDenied("subscribe first")

    async def publish(
        self, identity: Identity, peer: Peer, request: PublishRequest, subscribed: bool
    ) -> Publication | Append:
        raise PermissionDenied("nothing is published by clients; devices send commands as rpc")

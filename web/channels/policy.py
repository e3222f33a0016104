"""Who may subscribe to what, and how each channel is delivered (DESIGN §5).

Decided by `actors/domain/access.py`. The facts about an emergency come from its entity at
subscription, and from each fact published on its channel after that: so a released crew loses the
channel in the same moment.
"""

from __future__ import annotations

from typing import Final

import msgspec
from msgspec import Struct

from actors.domain.access import Facts, channel_facts, may
from actors.domain.emergency import ENDED, ViewEmergency
from actors.domain.kernel import DomainError, EntityRef, Sender
from actors.errors import RuntimeFault
from actors.router import Router
from realtime.errors import PermissionDenied, RealtimeError, UnknownChannel
from realtime.ports import Identity, SubscribeOptions
from realtime.protocol import PublishRequest, SubscribeRequest
from realtime.publication import Append, Peer, Publication
from web.channels.catalogue import CHANNELS
from web.channels.maps import map_of

READER: Final = Sender("system", "realtime")
READ_TIMEOUT_S: Final = 5.0


class _Parties(Struct, frozen=True):
    """What an emergency's views say of who it concerns."""

    patient_id: str | None = None
    unit: str | None = None
    status: str | None = None

    @property
    def crew(self) -> tuple[str, ...]:
        """As `Emergency.crew`: views of what is over still name the unit that was there."""
        return (self.unit,) if self.unit and self.status not in ENDED else ()


class _Update(Struct, frozen=True):
    """A fact on `emergency:<id>`, as far as access goes (views.EmergencyUpdate)."""

    emergency: _Parties


_parties = msgspec.json.Decoder(_Parties)
_update = msgspec.json.Decoder(_Update)


class AccessPolicy:
    """`realtime.ports.ChannelPolicy` by the domain's access table."""

    def __init__(self, router: Router) -> None:
        self._router = router

    async def subscribe(self, identity: Identity, request: SubscribeRequest) -> SubscribeOptions:
        channel = request.channel
        namespace, colon, subject = channel.partition(":")
        kind = CHANNELS.get(namespace)
        if kind is None or not colon or not subject:
            raise UnknownChannel(f"channels are {', '.join(k.address for k in CHANNELS.values())}")
        delivery = kind.delivery
        of_emergency = namespace in ("emergency", "track")
        parties = await self._parties_of(subject) if of_emergency else _Parties()
        action, facts = channel_facts(channel, parties.patient_id, parties.crew)
        if not may(identity.info, action, facts):
            raise PermissionDenied(f"{identity.info.role} may not {action} here")
        # Staff may see every emergency whatever happens: only the others are asked again.
        again = of_emergency and not may(identity.info, action, Facts())
        return SubscribeOptions(
            delivery=delivery,
            recoverable=delivery == "fact",
            positioned=delivery == "fact",
            guarded=again and namespace == "emergency",
            guard=f"emergency:{subject}" if again and namespace == "track" else None,
            keyed=map_of(channel),
        )

    async def _parties_of(self, emergency: str) -> _Parties:
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
            raise PermissionDenied("no emergency that this token may see has this id") from None
        except RuntimeFault as error:
            raise RealtimeError("the emergency cannot be read just now") from error
        return _parties.decode(answer)

    def still_allowed(self, identity: Identity, channel: str, payload: bytes) -> bool:
        parties = _update.decode(payload).emergency
        action, facts = channel_facts(channel, parties.patient_id, parties.crew)
        return may(identity.info, action, facts)

    async def refresh(self, identity: Identity, channel: str, token: str) -> float | None:
        raise PermissionDenied("subscriptions end with their connection, not before")

    async def access(self, identity: Identity, channel: str) -> SubscribeOptions:
        raise PermissionDenied("subscribe first")

    async def publish(
        self, identity: Identity, peer: Peer, request: PublishRequest, subscribed: bool
    ) -> Publication | Append:
        raise PermissionDenied("nothing is published by clients; devices send commands as rpc")

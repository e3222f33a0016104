"""What a device is told when it subscribes, and what the trail says of it."""

from __future__ import annotations

from typing import Final

from actors.domain.kernel import Sender
from realtime import codes
from storage.audit import AuditEntry, MemoryAuditTrail
from tests.integration.realtime.service import Device, SubscriptionEvents
from tests.integration.realtime.waiting import until
from tests.integration.web.node import session_of

DENIED: Final = codes.ERROR_PERMISSION_DENIED.code


async def tried(device: Device, channel: str) -> SubscriptionEvents:
    """Subscribed, or refused."""
    events = SubscriptionEvents()
    await device.client.new_subscription(channel, events).subscribe()
    await until(lambda: events.subscribed or events.unsubscribed)
    return events


def lines(trail: MemoryAuditTrail, action: str) -> list[AuditEntry]:
    return [line for line in trail.entries if line.action.startswith(action)]


def from_where(trail: MemoryAuditTrail, line: AuditEntry, who: Sender) -> None:
    """The line says who it was and from where, and leads to the connection's own."""
    session = session_of(who.role, who.subject)
    assert (line.role, line.subject, line.address) == (who.role, who.subject, "127.0.0.1")
    assert line.details["session"] == session
    (connect,) = [
        one for one in lines(trail, "socket.connect") if one.id == line.details["connection"]
    ]
    assert (connect.address, connect.details["session"]) == (line.address, session)

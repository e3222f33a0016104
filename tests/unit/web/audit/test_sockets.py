"""Connections in the trail: let in, turned away, and at whose pace."""

from __future__ import annotations

import pytest

from actors.clock import SystemClock
from actors.domain.kernel import Sender
from realtime.errors import InvalidToken, NotAuthenticated
from realtime.ports import ConnectContext, Identity
from storage.audit import MemoryAuditTrail
from web.access.caller import Caller
from web.audit.sockets import AuditedAuthenticator

WHO = Identity(
    user="paramedic:u7", info=Caller(Sender("paramedic", "u7"), "192.0.2.7", "c1"), token_id="s1"
)
FROM = ConnectContext(client="c1", address="192.0.2.7")


class Door:
    """Knows one token."""

    async def authenticate(self, token: str, _context: ConnectContext) -> Identity:
        if not token:
            raise NotAuthenticated("a token is needed")
        if token != "good":
            raise InvalidToken("no")
        return WHO

    async def refresh(self, identity: Identity, _token: str) -> Identity:
        return identity


async def test_who_connects_is_in_the_trail_with_session_and_address() -> None:
    trail = MemoryAuditTrail()
    door = AuditedAuthenticator(Door(), trail, SystemClock())
    assert await door.authenticate("good", FROM) is WHO
    (line,) = trail.entries
    assert (line.action, line.outcome, line.subject) == ("socket.connect", "allowed", "u7")
    assert (line.id, line.address) == ("c1", "192.0.2.7")
    assert line.details == {"session": "s1", "connection": "c1"}


async def test_a_refused_token_leaves_one_line_and_the_refusal_stands() -> None:
    trail = MemoryAuditTrail()
    door = AuditedAuthenticator(Door(), trail, SystemClock())
    for _ in range(5):
        with pytest.raises(InvalidToken):
            await door.authenticate("forged", FROM)
    with pytest.raises(NotAuthenticated):
        await door.authenticate("", FROM)
    assert [(line.outcome, line.reason) for line in trail.entries] == [
        ("denied", "invalid-token"),
        ("denied", "no-token"),
    ]


async def test_a_trail_that_is_away_turns_nobody_away() -> None:
    trail = MemoryAuditTrail()
    trail.available = False
    door = AuditedAuthenticator(Door(), trail, SystemClock())
    assert await door.authenticate("good", FROM) is WHO
    assert trail.missed == 1

"""Who a connection is, from where, and that a new token changes no place."""

from __future__ import annotations

from actors.domain.kernel import Sender
from realtime.ports import ConnectContext
from web.access.caller import caller_of
from web.channels.authenticator import TokenAuthenticator
from web.tokens import Principal


async def test_a_connection_is_where_it_was_when_its_token_is_renewed() -> None:
    door = TokenAuthenticator(lambda token: Principal("ops", "alice", 60.0, session_id=token))
    context = ConnectContext(client="c1", address="192.0.2.7")
    first = await door.authenticate("s1", context)
    renewed = await door.refresh(first, "s2")
    for identity, session in ((first, "s1"), (renewed, "s2")):
        caller = caller_of(identity)
        assert (caller.sender, caller.address, caller.client) == (
            Sender("ops", "alice"),
            "192.0.2.7",
            "c1",
        )
        assert (identity.token_id, identity.user) == (session, "ops:alice")

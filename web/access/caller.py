"""Who holds a connection, and from where: what `realtime.ports.Identity.info` is here."""

from __future__ import annotations

from msgspec import Struct

from actors.domain.kernel import Sender
from realtime.ports import Identity


class Caller(Struct, frozen=True):
    """`sender`: on whose behalf its commands go. `address`: of the network; `client`: the id of the
    connection. Both are "" where it is none of a socket's."""

    sender: Sender
    address: str = ""
    client: str = ""


def caller_of(identity: Identity) -> Caller:
    """Of an identity that web/channels/authenticator.py made."""
    caller: Caller = identity.info
    return caller

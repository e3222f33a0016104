"""Where a request comes from, as far as accounts go: what is throttled, audited and shown."""

from __future__ import annotations

import ipaddress
from typing import Any, Final

from litestar.connection import ASGIConnection
from msgspec import Struct

from storage.accounts.row import ClientInfo
from web.headers import request_id

# A User-Agent is whatever somebody sends; this much tells a telephone from a tablet.
_DEVICE: Final = 200
# One subscriber has all of it, so its addresses count as one.
_IPV6_NETWORK: Final = 64


class Origin(Struct, frozen=True):
    """`address`: of the peer, or what a trusted proxy says of it; "" where it is not known."""

    address: str = ""
    device: str = ""
    request_id: str = ""

    @property
    def client(self) -> ClientInfo:
        return ClientInfo(self.address, self.device)

    @property
    def network(self) -> str:
        """What the throttles count together."""
        try:
            address = ipaddress.ip_address(self.address)
        except ValueError:
            return self.address
        if isinstance(address, ipaddress.IPv6Address):
            if address.ipv4_mapped is not None:
                return str(address.ipv4_mapped)
            return str(ipaddress.IPv6Network((address, _IPV6_NETWORK), strict=False))
        return str(address)


def origin_of(connection: ASGIConnection[Any, Any, Any, Any]) -> Origin:
    client = connection.client
    device = connection.headers.get("user-agent", "")
    printable = "".join(c for c in device if c.isprintable())
    return Origin(
        address=client.host if client is not None else "",
        device=printable[:_DEVICE],
        request_id=request_id(connection.scope),
    )

"""Who we are to authenticators: a passkey is made for one name, and used on its pages alone."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

from msgspec import Struct


class RelyingParty(Struct, frozen=True):
    """`id`: a host name, to which passkeys are bound for good: who moves the service to another
    name leaves all passkeys behind. `origin`: of the pages that may ask for them."""

    id: str
    origin: str
    name: str = "MaxRay"


def relying_party(public_url: str) -> RelyingParty:
    """From the address that people reach the service under.

    Browsers make no passkeys for addresses of digits. For this machine's own there is a name that
    they do take: pages opened as `http://localhost:<port>` have passkeys. For others there is none;
    browsers refuse there, and everything but passkeys works.
    """
    url = urlsplit(public_url)
    host = url.hostname or "localhost"
    try:
        local = ipaddress.ip_address(host).is_loopback or ipaddress.ip_address(host).is_unspecified
    except ValueError:
        local = False
    host = "localhost" if local else host
    shown = f"[{host}]" if ":" in host else host
    usual = {"http": 80, "https": 443}.get(url.scheme)
    port = "" if url.port in (None, usual) else f":{url.port}"
    return RelyingParty(id=host, origin=f"{url.scheme}://{shown}{port}")

"""Which web pages may open a socket here. Other clients than browsers send no Origin."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlsplit

OriginCheck = Callable[[str | None, str], bool]
"""Given the Origin header, None without one, and the Host header: whether to go on."""


def allow_origins(allowed: tuple[str, ...]) -> OriginCheck:
    """No Origin, the server's own host, and those named, such as "https://ops.example"."""

    def check(origin: str | None, host: str) -> bool:
        if origin is None or "*" in allowed or origin in allowed:
            return True
        return urlsplit(origin).netloc == host

    return check

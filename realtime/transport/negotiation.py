"""Which format a client of the WebSocket endpoint speaks."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import parse_qs

from realtime.protocol.codec import Codec
from realtime.protocol.codec_json import JSON
from realtime.protocol.codec_protobuf import PROTOBUF

FORMATS: dict[str, Codec] = {"json": JSON, "protobuf": PROTOBUF}
"""As the query parameter `format` names them; JSON where it is absent."""
SUBPROTOCOLS = {f"centrifuge-{name}": codec for name, codec in FORMATS.items()}
"""A client that offers one of these speaks that format, whatever the query says."""

_UNKNOWN_PREFIX = "centrifuge-"


def negotiate(offered: Sequence[str], query: str) -> tuple[str | None, Codec | None]:
    """The subprotocol to accept and its codec; no codec for a format that is not spoken here."""
    for name in offered:
        if name in SUBPROTOCOLS:
            return name, SUBPROTOCOLS[name]
    if any(name.startswith(_UNKNOWN_PREFIX) for name in offered):
        return None, None
    return None, FORMATS.get(parse_qs(query).get("format", ["json"])[0])

"""Free TCP ports on loopback, kept between starts as long as they stay free."""

from __future__ import annotations

import random
import socket
from collections.abc import Iterable, Mapping

# Below Linux's ephemeral range (32768 and up), so that no outgoing connection takes one between
# choosing and binding; above the range Ray's workers use (10002–19999); and low enough that
# 10000 more, where SeaweedFS expects the gRPC side of its admin server, is below it too.
_FIRST, _LAST = 20100, 22700
_TRIES = 400

LOOPBACK = "127.0.0.1"


def is_free(port: int) -> bool:
    """Whether a server could listen on this port of loopback now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # As servers do: connections in TIME_WAIT do not keep a port taken, listeners do.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
        return True


def choose(
    uses: Iterable[str], kept: Mapping[str, int], with_offset: Mapping[str, int] | None = None
) -> dict[str, int]:
    """A free port for each use: the kept one where it is still free, else a new one.

    `with_offset[use]`: the port that far above must be free as well.
    """
    offsets = with_offset or {}
    # Not a secret: random only so that folders started at the same moment rarely collide.
    pick = random.SystemRandom()
    chosen: dict[str, int] = {}
    for use in uses:
        offset = offsets.get(use, 0)

        def suits(port: int, offset: int = offset) -> bool:
            return port not in chosen.values() and is_free(port) and is_free(port + offset)

        candidates = [kept[use]] if use in kept else []
        candidates += [pick.randint(_FIRST, _LAST) for _ in range(_TRIES)]
        port = next((p for p in candidates if suits(p)), None)
        if port is None:
            raise OSError(f"no free port between {_FIRST} and {_LAST} for {use}")
        chosen[use] = port
    return chosen

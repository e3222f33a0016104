"""The ops desk: a socket on the region's channel, and what it has seen there."""

from __future__ import annotations

import asyncio
import ssl
from collections import Counter, defaultdict
from typing import Any

import msgspec

from actors.domain.views.dispatcher import OpsUpdate
from web.replay.socket import Socket
from web.replay.target import DESK, Tokens


class Watch:
    """By emergency: `ended`, `waited` (no unit was free for a while), `offers` by their outcome."""

    def __init__(
        self, url: str, tokens: Tokens, region: str, trust: ssl.SSLContext | None = None
    ) -> None:
        self.ended: set[str] = set()
        self.waited: set[str] = set()
        self.offers: defaultdict[str, Counter[str]] = defaultdict(Counter)
        self.waiting = 0
        self.engaged = 0
        self.changed = asyncio.Event()
        self.socket = Socket(
            url, lambda: tokens.token("ops", DESK), f"ops:{region}", self._fact, trust=trust
        )

    def outcomes(self, emergencies: set[str]) -> Counter[str]:
        """Offers made for these, by what became of them."""
        return sum((self.offers[one] for one in emergencies if one in self.offers), Counter())

    def _fact(self, data: Any, _offset: int) -> None:
        update = msgspec.convert(data, OpsUpdate)
        self.waiting, self.engaged = update.waiting, update.engaged
        emergency = update.emergency
        if emergency is None:
            return
        match update.event:
            case "EmergencyRemoved":
                self.ended.add(emergency)
                self.changed.set()
            case "NoUnitFree" | "AllRefused":
                self.waited.add(emergency)
            case "OfferClosed":
                self.offers[emergency][update.outcome or "unknown"] += 1
            case _:
                pass

"""Callers whom nobody knows: refused tokens, in the trail but not at the caller's pace.

Whoever hammers at the door with bad tokens must not fill the disk. One line a minute is kept for
each address and reason; the next says how many there were meanwhile.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

import msgspec

from storage.audit import AuditEntry, AuditTrail

# With every address that we remember at it, some seventy lines a second.
EACH_S: Final = 60.0
# Addresses remembered: a few hundred KB. A forgotten one gets its line at once.
MAX_KNOWN: Final = 4096


class Strangers:
    """One worker's."""

    def __init__(self, trail: AuditTrail) -> None:
        self._trail = trail
        # (address, reason) -> when its line was written, and how many came since.
        self._known: OrderedDict[tuple[str, str], tuple[float, int]] = OrderedDict()

    def refused(self, entry: AuditEntry) -> None:
        """Never raises: they are refused in any case."""
        key = (entry.address, entry.reason)
        last, unsaid = self._known.pop(key, (None, 0))
        if last is not None and entry.at - last < EACH_S:
            self._known[key] = (last, unsaid + 1)
            return
        if unsaid:
            details = {**entry.details, "unsaid": unsaid}
            entry = msgspec.structs.replace(entry, details=details)
        self._trail.offer(entry)
        self._known[key] = (entry.at, 0)
        if len(self._known) > MAX_KNOWN:
            self._known.popitem(last=False)

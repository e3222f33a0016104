"""The garbage collector's pace for processes that hold much for long."""

from __future__ import annotations

import gc
from typing import Final

# What such a process makes per request or command dies by reference count; what stays (entities,
# answers, connections) is no garbage. The collector's default walks the latter many times a second,
# and everybody waits meanwhile: that was the tail of the commit latency.
_THRESHOLD: Final = (100_000, 20, 50)


def relax_collector() -> None:
    """Call once, when all is imported and connected: what is there now is not walked again."""
    gc.freeze()
    gc.set_threshold(*_THRESHOLD)

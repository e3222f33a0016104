"""When a message that was not taken is tried again."""

from __future__ import annotations

from typing import Final

# A server that was restarted is back by then; one that greylists wants a minute or more, which the
# third and fourth attempts give it; and nobody is asked more than once an hour for days.
FIRST_S: Final = 5.0
FACTOR: Final = 3.0
MOST_S: Final = 3600.0
# Each wait is this much longer or shorter: what failed together does not come back together.
JITTER: Final = 0.2


def wait_s(attempt: int, chance: float) -> float:
    """Seconds to the next attempt after this one (counted from 1). `chance`: from [0, 1)."""
    # Beyond the tenth the power would only grow.
    plain = min(FIRST_S * FACTOR ** (min(attempt, 10) - 1), MOST_S)
    return plain * (1 + JITTER * (2 * chance - 1))

"""When a unit will be there: the travel estimate, put right by how the drive has gone so far.

An estimate knows the city, not the evening: rain, a marathon, this driver. What the unit has
needed for the part of the way behind it says how it will do on the rest. So the estimate of what
is left is multiplied by a pace: seconds really spent over seconds that the estimate had foreseen
for the way covered, both fading with time, so that the last minutes count most. A drive begins at
the pace foreseen, and standing at a crossing says little: its first seconds are weighed against
`PRIOR_S` of that. To begin at the pace of a unit's drives before was tried: it took a tenth off the
error of short drives and nothing off that of long ones, too little for a memory of its own.

Kept with the positions, in volatile memory: after a restart a unit is believed as the estimate has
it until it has driven on. The error is measured in replays (`maxray replay --drives as-recorded`).
"""

from __future__ import annotations

from math import exp
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

# Seconds of driving as foreseen that the first seconds of a drive are weighed against.
PRIOR_S: Final = 45.0
# What was this long ago counts a third of what is now.
MEMORY_S: Final = 300.0
# Beyond these it is not the traffic: a stop on the way, a wrong address, a wrong fix.
FASTEST: Final = 0.5
SLOWEST: Final = 3.0
# More of the way in a second than ten estimated ones: a jump of the fix, or a clock that is not
# that of the city (a replay). Nothing is learnt from it.
JUMP: Final = 10.0


class Pace(Struct, frozen=True):
    """How a drive has gone so far. Times are seconds.

    `drive`: which one. `left_s`: the estimate for what was left at `at`.
    """

    drive: str
    at: float
    left_s: float
    spent_s: float
    covered_s: float

    @property
    def ratio(self) -> float:
        """Seconds really needed for one that the estimate foresees."""
        if self.covered_s <= 0:
            return SLOWEST
        return min(max(self.spent_s / self.covered_s, FASTEST), SLOWEST)

    @property
    def eta_s(self) -> float:
        """From `at` to the arrival."""
        return self.left_s * self.ratio


def driven(known: Pace | None, drive: str, at: float, left_s: float) -> Pace:
    """After a fix at `at`, with `left_s` to go by the estimate, on that drive."""
    if known is None or known.drive != drive:
        return Pace(drive, at, left_s, PRIOR_S, PRIOR_S)
    passed_s, covered_s = at - known.at, known.left_s - left_s
    if passed_s <= 0 or covered_s > passed_s * JUMP:
        return replace(known, at=max(at, known.at), left_s=left_s)
    kept = exp(-passed_s / MEMORY_S)
    return replace(
        known,
        at=at,
        left_s=left_s,
        spent_s=known.spent_s * kept + passed_s,
        covered_s=known.covered_s * kept + covered_s,
    )

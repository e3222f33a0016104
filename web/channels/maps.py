"""Which channels are maps (`realtime/maps/`), and what each is like: for those who subscribe, and
for the shards that publish.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from realtime.maps.keyed import KeyedOptions, KeyedRetention

_SHIFT_S: Final = 12 * 3600.0

MAPS: Final[Mapping[str, KeyedOptions]] = {
    # A unit that stands still may be silent for hours and must not vanish from the dashboards; one
    # that nothing was heard of for a whole shift is not on duty. Positions come by the thousand a
    # second, and nobody sees more than the newest of each unit, a few times a second.
    "fleet": KeyedOptions(
        retention=KeyedRetention(key_ttl_s=_SHIFT_S, removed_size=10_000),
        page_size=500,
        conflation_s=0.1,
    ),
}


def map_of(channel: str) -> KeyedOptions | None:
    """What the map behind a channel is like; None where it is no map."""
    return MAPS.get(channel.partition(":")[0])

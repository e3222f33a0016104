"""The same day with other luck: calls keep their time, place and class, and change their work."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
from msgspec.structs import replace

from actors.simulator.scenario import Call, Scenario


def resampled(scenario: Scenario, seed: int) -> Scenario:
    """Each call with the work (time on scene, transport, handover) of a call of its priority.

    Drawn with replacement, as a bootstrap does. The same for the same arguments.
    """
    random = np.random.Generator(np.random.PCG64(seed))
    of_class: defaultdict[int, list[Call]] = defaultdict(list)
    for call in scenario.calls:
        of_class[call.priority].append(call)
    calls = []
    for call in scenario.calls:
        alike = of_class[call.priority]
        other = alike[int(random.integers(len(alike)))]
        calls.append(
            replace(
                call,
                on_scene_s=other.on_scene_s,
                transport=other.transport,
                handover_s=other.handover_s,
            )
        )
    return replace(scenario, calls=tuple(calls))

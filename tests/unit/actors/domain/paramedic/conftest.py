"""Where the tests of one unit begin."""

from __future__ import annotations

import pytest

from tests.unit.actors.domain.cast import on_duty
from tests.unit.actors.domain.world import World


@pytest.fixture
def world() -> World:
    """With one unit available, and nobody waiting to hear anything."""
    world = World()
    on_duty(world, "u")
    world.bus.clear()
    return world

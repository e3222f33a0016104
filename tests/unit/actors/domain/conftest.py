"""What every room starts from."""

from __future__ import annotations

import pytest

from tests.unit.actors.domain.world import World


@pytest.fixture
def world() -> World:
    """A service with nobody in it; files with other beginnings have a fixture of that name."""
    return World()

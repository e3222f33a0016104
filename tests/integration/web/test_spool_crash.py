"""The spool's files, whenever a worker dies."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.integration.embedded.child import child, ended

WITHIN_S = 60.0


@pytest.mark.timeout(90)
async def test_a_worker_killed_at_any_step_loses_and_doubles_nothing(tmp_path: Path) -> None:
    async with child("-m", "tests.integration.web.spool_victim", str(tmp_path)) as victim:
        code, said = await ended(victim, WITHIN_S)
    assert code == 0, said
    killed = re.fullmatch(r"killed at (\d+) points", said.strip().splitlines()[-1])
    assert killed is not None, said
    assert int(killed[1]) > 40

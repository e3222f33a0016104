"""One service for the whole package: `maxray up --demo`, each test in a region of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from uuid import uuid4

import pytest
import pytest_asyncio

from tests.acceptance.running import Running, running


@pytest_asyncio.fixture(scope="package", loop_scope="session")
async def service(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Running]:
    """Also the test that SIGTERM ends it in order and leaves nothing: after all that was done to
    it, and at no further start's cost."""
    async with running(tmp_path_factory.mktemp("acceptance") / "data") as service:
        yield service
        code, said, left = await service.stopped()
        assert (code, left) == (0, []), said
        assert "stopped" in said


@pytest.fixture
def region() -> str:
    return f"r-{uuid4().hex[:8]}"

"""One set of servers for all tests in here; in a folder whose path is too long for sockets."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from storage.embedded import EmbeddedServers


@pytest_asyncio.fixture(scope="package", loop_scope="session")
async def servers(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[EmbeddedServers]:
    # Spaces, quotes and non-ASCII letters too: a data folder may have any name.
    data = tmp_path_factory.mktemp("embedded") / ("a 'long' näme " + "x" * 100)
    async with EmbeddedServers(data) as running:
        yield running

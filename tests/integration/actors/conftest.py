"""A Ray cluster of one node, and the shards on it, for all tests in here; it ends with them, for a
cluster with nothing to do takes the processor too."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest

from storage.embedded import EmbeddedServers
from tests.integration.conftest import RUNTIME_SQL


@pytest.fixture(scope="package")
async def ray_cluster(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[str]:
    """The address of a Ray head; this process is connected to it."""
    async with EmbeddedServers(tmp_path_factory.mktemp("ray"), {"ray"}, num_cpus=2) as servers:
        before = dict(os.environ)
        os.environ.update(servers.ray_environment)
        from actors import cluster  # its environment is read when Ray is imported

        cluster.connect(servers.ray_address)
        yield servers.ray_address
        await cluster.stop_shards()
        cluster.disconnect()
        os.environ.clear()
        os.environ.update(before)


@pytest.fixture(scope="package")
async def ray_database(postgres: str) -> str:
    """One set of tables for all tests on Ray, so that the shards can be kept between them."""
    schema = f"ray_{os.getpid()}"
    url = f"{postgres}?search_path={schema}"
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(f"CREATE SCHEMA {schema}")
        await connection.execute(RUNTIME_SQL)
    finally:
        await connection.close()
    return url


@pytest.fixture(scope="package")
def ray_streams(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that stands for the channel streams."""
    return tmp_path_factory.mktemp("streams")

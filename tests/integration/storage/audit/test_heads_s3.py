"""Heads in a real object store, and `maxray audit verify` on all of it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator

import msgspec
import pytest
from click.testing import CliRunner, Result

from actors.clock import SystemClock
from config import Secret, Settings
from storage.audit import HeadsUnavailable, PostgresAuditTrail
from storage.audit.head_keeper import HeadKeeper
from storage.audit.heads_s3 import S3HeadStore
from storage.embedded import EmbeddedServers
from tests.integration.storage.audit.tampered import Tamper, entry
from web.cli.commands import maxray
from web.cli.exits import Exit

BUCKET = "heads"


@pytest.fixture(scope="module")
async def s3(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Settings]:
    """The settings of a running object store."""
    folder = tmp_path_factory.mktemp("s3")
    async with EmbeddedServers(folder, {"s3"}, bucket=BUCKET) as servers:
        yield Settings(
            s3_url=servers.s3.url,
            s3_access_key=servers.s3.access_key,
            s3_secret_key=Secret(servers.s3.secret_key),
            s3_region=servers.s3.region,
            s3_bucket=BUCKET,
        )


async def test_objects_are_kept_listed_and_read(s3: Settings) -> None:
    async with S3HeadStore(s3) as store:
        for n in (2, 1):
            await store.put(f"kept/{n}", b"body %d" % n)
        assert await store.keys("kept/") == ["kept/1", "kept/2"]
        assert await store.get("kept/2") == b"body 2"
        with pytest.raises(HeadsUnavailable):
            await store.get("kept/3")
    with pytest.raises(ValueError, match="s3_url"):
        S3HeadStore(Settings())


async def test_a_store_that_is_away_says_so(s3: Settings) -> None:
    gone = msgspec.structs.replace(s3, s3_url="http://127.0.0.1:1")
    async with S3HeadStore(gone) as store:
        with pytest.raises(HeadsUnavailable):
            await store.keys("")


async def test_the_command_tells_a_whole_trail_from_one_that_was_cut(
    s3: Settings, migrated: str, tamper: Tamper
) -> None:
    assert s3.s3_secret_key is not None
    environment = {
        "MAXRAY_DATABASE_URL": migrated,
        "MAXRAY_S3_URL": s3.s3_url,
        "MAXRAY_S3_ACCESS_KEY": s3.s3_access_key,
        "MAXRAY_S3_SECRET_KEY": s3.s3_secret_key.reveal(),
        "MAXRAY_S3_REGION": s3.s3_region,
        "MAXRAY_S3_BUCKET": BUCKET,
    }

    async def command(*arguments: str) -> Result:
        runner = CliRunner(env=environment)
        return await asyncio.to_thread(
            runner.invoke, maxray, ["audit", "verify", *arguments], catch_exceptions=False
        )

    trail = PostgresAuditTrail(migrated, SystemClock())
    await trail.open()
    for n in range(10):
        trail.record(entry(n))
    await trail.close()
    async with S3HeadStore(s3) as store:
        await HeadKeeper(migrated, store, SystemClock()).write()
    whole = await command()
    assert whole.exit_code == Exit.OK, whole.output
    assert "the trail is whole: 12 rows in 1 chains, 1 heads" in whole.output

    await tamper("DELETE FROM audit_access WHERE seq > 10")
    cut = await command("--from", "2020-01-01")
    assert cut.exit_code == Exit.AUDIT
    assert "removed: audit_access, chain web-" in cut.output
    assert "rows 11–12" in cut.output
    found = json.loads((await command("--json")).stdout)
    assert (found["whole"], found["rows"], found["heads"]) == (False, 10, 1)
    assert [(one["kind"], one["first"], one["last"]) for one in found["findings"]] == [
        ("removed", 11, 12)
    ]
    blind = await command("--no-heads")
    assert blind.exit_code == Exit.OK and "no heads were checked" in blind.output

"""A running worker takes the certificate that is in its files now."""

from __future__ import annotations

import asyncio
import logging
import ssl
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from actors.clock import ManualClock
from tests.unit.web.tls.handshake import certificate_of, handshake
from web.tls.certificate import LEAF_LIFE
from web.tls.context import server_context, trusting
from web.tls.folder import AUTHORITY, Files, keep
from web.tls.reload import LOOK_EVERY_S, follow, warn_of_end

NAMES = ["localhost"]
NOW = time.time()


class Worker:
    def __init__(self, folder: Path) -> None:
        self.files = keep(folder, NAMES, NOW)
        self.context = server_context(self.files)
        self.clock = ManualClock()
        self._trust = trusting(folder / AUTHORITY)

    def shows(self) -> str:
        return ssl.DER_cert_to_PEM_cert(certificate_of(self.context, self._trust, "localhost"))

    def renew(self) -> str:
        keep(self.files.certificate.parent, NAMES, NOW + LEAF_LIFE.total_seconds() / 2)
        keep(self.files.certificate.parent, [*NAMES, "other.example"], NOW)
        return self.files.certificate.read_text()

    async def look(self) -> None:
        """Files are looked at in a thread."""
        await self.clock.advance(LOOK_EVERY_S)
        for _ in range(3):
            await asyncio.to_thread(lambda: None)
            await self.clock.advance(0)


@pytest.fixture
async def worker(tmp_path: Path) -> AsyncIterator[Worker]:
    worker = Worker(tmp_path / "tls")
    following = asyncio.create_task(follow(worker.context, worker.files, worker.clock))
    await worker.clock.advance(0)
    yield worker
    following.cancel()
    await asyncio.wait({following})
    assert following.cancelled()


async def test_a_renewed_certificate_is_shown_soon(worker: Worker) -> None:
    first = worker.shows()
    await worker.look()
    assert worker.shows() == first
    second = worker.renew()
    assert worker.shows() == first != second
    await worker.look()
    assert worker.shows() == second


async def test_one_that_cannot_be_used_is_waited_for(
    worker: Worker, caplog: pytest.LogCaptureFixture
) -> None:
    first, key = worker.shows(), worker.files.key.read_text()
    second = worker.renew()
    renewed_key = worker.files.key.read_text()
    worker.files.key.write_text(key)
    await worker.look()
    assert worker.shows() == first
    assert "used on" in caplog.text
    worker.files.key.write_text(renewed_key)
    await worker.look()
    assert worker.shows() == second


async def test_files_that_are_gone_for_a_while_do_no_harm(worker: Worker) -> None:
    first = worker.shows()
    worker.files.certificate.unlink()
    await worker.look()
    assert worker.shows() == first
    second = worker.renew()
    await worker.look()
    assert worker.shows() == second


def test_a_given_certificate_that_is_about_to_end_is_told_of(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    files = keep(tmp_path / "tls", NAMES, NOW)
    warn_of_end(files, NOW)
    assert caplog.text == ""
    with caplog.at_level(logging.WARNING):
        warn_of_end(files, NOW + LEAF_LIFE.total_seconds() - 86400)
        warn_of_end(Files(tmp_path / "none", tmp_path / "none"), NOW)
    assert caplog.messages == [f"the certificate {files.certificate} ends in 1.0 days"]
    assert handshake(server_context(files), trusting(tmp_path / "tls" / AUTHORITY), "localhost")

"""The outbox's twin in memory keeps the outbox's contract."""

from __future__ import annotations

import pytest

from storage.mail.outbox_memory import MemoryMailOutbox
from tests.contracts.mail_outbox import MailOutboxContract


class TestMemoryMailOutbox(MailOutboxContract):
    @pytest.fixture
    def outbox(self) -> MemoryMailOutbox:
        return MemoryMailOutbox()

    @pytest.fixture
    def second(self, outbox: MemoryMailOutbox) -> MemoryMailOutbox:
        return outbox

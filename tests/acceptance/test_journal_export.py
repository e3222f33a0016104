"""`maxray journal export` of the running service, and the checker's verdict on what it wrote."""

from __future__ import annotations

import stat
from pathlib import Path

from tests.acceptance.running import MAXRAY, Running
from tests.integration.embedded.child import child, ended

# The default policy weighs urgency against the way: it promises no order.
CHECK = ("-m", "tests.chaos.check_journal", "--order", "none")
WITHIN_S = 45.0


async def test_the_journal_of_a_service_at_work_is_exported_for_its_owner_and_whole(
    service: Running, tmp_path: Path
) -> None:
    file = tmp_path / "journal.jsonl"
    words = ("--data", str(service.data), "--out", str(file))
    async with child(*MAXRAY, "journal", "export", *words) as exporting:
        code, said = await ended(exporting, WITHIN_S)
    assert (code, "keep it private" in said) == (0, True), said
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    async with child(*CHECK, str(file), "--running") as checking:
        code, said = await ended(checking, WITHIN_S)
    assert code == 0, said
    assert "journal: whole, 0 violations" in said

    async with child(*MAXRAY, "journal", "export", *words) as exporting:
        code, said = await ended(exporting, WITHIN_S)
    assert (code, "nothing is overwritten" in said) == (2, True), said

"""The files that the checker reads: a journal, and a ledger of what was acknowledged."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.chaos.journal import BadJournal, read
from tests.chaos.ledger import command_id, read_ledger


def test_an_export_that_was_cut_off_is_refused() -> None:
    head = '{"journal": "j", "format": 1}\n'
    with pytest.raises(BadJournal, match="no end"):
        list(read([head, '{"entity": "a:b", "version": 1}\n']))
    with pytest.raises(BadJournal, match="line 1"):
        list(read(['{"entity": "a:b", "version": 1}\n']))
    with pytest.raises(BadJournal, match="line 2: no JSON"):
        list(read([head, '{"entity": "a:']))


def test_a_ledgers_line_leads_to_the_command_id_that_the_journal_has(tmp_path: Path) -> None:
    file = tmp_path / "ledger.jsonl"
    file.write_text(
        '{"ref":"paramedic:A","role":"paramedic","subject":"A","scope":"task.accept","key":"k"}\n'
    )
    (one,) = read_ledger(file)
    assert one.command == command_id("paramedic", "A", "task.accept", "k")
    file.write_text('{"ref":"paramedic:A"}\n')
    with pytest.raises(ValueError, match="line 1"):
        list(read_ledger(file))

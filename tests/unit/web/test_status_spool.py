"""What `maxray status` says of emergencies that wait in the spool."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from web.cli.status import SpoolReport, show_spool


@pytest.mark.parametrize(
    ("report", "says"),
    [
        (None, ""),
        (SpoolReport(0), ""),
        (SpoolReport(1, 5.0), "spool: 1 emergency waits to be raised, the first for 5 s\n"),
        (SpoolReport(2), "spool: 2 emergencies wait to be raised\n"),
    ],
)
def test_the_spool_is_counted_in_words(report: SpoolReport | None, says: str) -> None:
    out = io.StringIO()
    show_spool(Console(file=out, width=200), report)
    assert out.getvalue() == says

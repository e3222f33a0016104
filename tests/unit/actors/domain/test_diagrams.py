"""docs/states is what the tables say."""

from __future__ import annotations

from pathlib import Path

from actors.domain.diagrams import render

STATES = Path(__file__).parents[4] / "docs" / "states"


def test_the_diagrams_in_docs_are_drawn_from_the_tables_of_today() -> None:
    written = {page.name: page.read_text("utf-8") for page in STATES.glob("*.md")}
    assert written == render(), "run: python -m actors.domain.diagrams docs/states"

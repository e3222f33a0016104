"""docs/deploy.md tells of every setting as it is."""

from __future__ import annotations

from pathlib import Path

import pytest

from config.reference import BEGIN, END, MEANING, table, with_table
from config.settings import ACCEPTED

DOCUMENT = Path(__file__).parents[3] / "docs" / "deploy.md"


def test_the_documents_table_is_of_the_settings_as_they_are() -> None:
    document = DOCUMENT.read_text()
    assert document == with_table(document), "run: python -m config.reference docs/deploy.md"


def test_every_setting_is_told_and_nothing_else() -> None:
    assert list(MEANING) == list(ACCEPTED)
    assert len(table().splitlines()) == len(ACCEPTED) + 2


def test_a_secret_is_told_with_its_file() -> None:
    [row] = [line for line in table().splitlines() if "MAXRAY_MASTER_KEY" in line]
    assert "`MAXRAY_MASTER_KEY` or `MAXRAY_MASTER_KEY_FILE`" in row
    [row] = [line for line in table().splitlines() if "MAXRAY_SHARDS" in line]
    assert "_FILE" not in row


def test_a_document_without_a_place_for_the_table_is_refused() -> None:
    for document in ("", BEGIN, END, f"{END}{BEGIN}"):
        with pytest.raises(ValueError, match="no part"):
            with_table(document)


def test_what_stands_around_the_table_is_kept() -> None:
    assert with_table(f"a\n{BEGIN}\nold\n{END}\nz\n") == f"a\n{BEGIN}\n{table()}\n{END}\nz\n"

"""Migrations on a real server: run twice, run at once, and what they make against the tables."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from itertools import count
from pathlib import Path

import asyncpg
import pytest

from storage import migrate, migrations, schema
from storage.records.table import RECORD_TABLES, Outbox
from storage.resources.table import RESOURCE_TABLES

_number = count(1)
# The ids, as the files' names have them behind an m.
ALL = sorted(path.stem[1:] for path in Path(migrations.__path__[0]).glob("m[0-9]*.py"))


@pytest.fixture
async def empty(postgres: str) -> AsyncIterator[str]:
    """The URL of an empty schema."""
    schema = f"migrate_{next(_number)}"
    connection = await asyncpg.connect(postgres)
    await connection.execute(f"CREATE SCHEMA {schema}")
    yield f"{postgres}?search_path={schema}"
    await connection.execute(f"DROP SCHEMA {schema} CASCADE")
    await connection.close()


async def test_of_several_at_once_one_migrates_and_nothing_is_printed(
    empty: str, capfd: pytest.CaptureFixture[str]
) -> None:
    runs = await asyncio.gather(*(migrate.run(empty) for _ in range(4)))
    applied = [run for run in runs if run]
    assert applied == [ALL]
    assert await migrate.run(empty) == []
    assert capfd.readouterr().out == ""


async def test_a_schema_that_lacks_migrations_is_refused_with_their_names(empty: str) -> None:
    with pytest.raises(schema.SchemaBehind) as caught:
        await schema.require(empty)
    assert caught.value.missing == ALL
    await migrate.run(empty)
    await schema.require(empty)
    connection = await asyncpg.connect(empty)
    await connection.execute("UPDATE migration SET name = '9999_newer' WHERE name = $1", ALL[-1])
    with pytest.raises(schema.SchemaBehind, match=f"lacks the migrations {ALL[-1]}$"):
        await schema.require(empty)
    await connection.execute(
        "INSERT INTO migration (name, app_name) VALUES ($1, 'storage')", ALL[-1]
    )
    await schema.require(empty)  # and what a newer version has added is no reason
    await connection.close()
    with pytest.raises(OSError):
        await schema.require("postgresql://maxray@127.0.0.1:9/maxray")


async def test_a_migration_that_fails_leaves_the_schema_as_it_was(empty: str) -> None:
    connection = await asyncpg.connect(empty)
    # In the way of the second migration; the first would succeed by itself.
    await connection.execute("CREATE TABLE patient (id int)")
    with pytest.raises(asyncpg.DuplicateTableError):
        await migrate.run(empty)
    rows = await connection.fetch(
        "SELECT table_name FROM information_schema.tables WHERE table_schema = current_schema()"
    )
    assert [row["table_name"] for row in rows] == ["patient"]
    await connection.execute("DROP TABLE patient")
    assert await migrate.run(empty) == ALL
    await connection.close()


@pytest.mark.parametrize(
    "table", [*RECORD_TABLES, *RESOURCE_TABLES, Outbox], ids=lambda t: t.__name__
)
async def test_the_schema_is_what_the_tables_say(empty: str, table: type) -> None:
    await migrate.run(empty)
    connection = await asyncpg.connect(empty)
    rows = await connection.fetch(
        "SELECT column_name, data_type, is_nullable FROM information_schema.columns "
        "WHERE table_schema = current_schema() AND table_name = $1",
        table._meta.tablename,  # type: ignore[attr-defined]  # Piccolo's, as all of them
    )
    await connection.close()
    made = {row["column_name"]: (row["data_type"], row["is_nullable"] == "YES") for row in rows}
    told = {
        column._meta.name: (_TYPES[type(column).__name__], column._meta.null)
        for column in table._meta.columns  # type: ignore[attr-defined]  # as above
    }
    assert made == told


_TYPES = {
    "UUID": "uuid",
    "Text": "text",
    "Date": "date",
    "JSONB": "jsonb",
    "Array": "ARRAY",
    "Timestamptz": "timestamp with time zone",
    "Bytea": "bytea",
    "SmallInt": "smallint",
    "BigInt": "bigint",
    "DoublePrecision": "double precision",
    "Boolean": "boolean",
}

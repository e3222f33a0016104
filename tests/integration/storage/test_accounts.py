"""The accounts' tables: as the code says they are, and sealed."""

from __future__ import annotations

from collections.abc import AsyncIterator
from itertools import count

import asyncpg
import pytest
from piccolo.table import Table

from storage import migrate
from storage.accounts.table import ACCOUNT_TABLES

_TYPES = {
    "UUID": "uuid",
    "Text": "text",
    "Array": "ARRAY",
    "Timestamptz": "timestamp with time zone",
    "Bytea": "bytea",
    "SmallInt": "smallint",
    "BigInt": "bigint",
}
_number = count(1)


@pytest.fixture(scope="module")
async def connection(postgres: str) -> AsyncIterator[asyncpg.Connection]:
    schema = f"accounts_tables_{next(_number)}"
    made = await asyncpg.connect(f"{postgres}?search_path={schema}")
    await made.execute(f"CREATE SCHEMA {schema}")
    await migrate.run(f"{postgres}?search_path={schema}")
    yield made
    await made.execute(f"DROP SCHEMA {schema} CASCADE")
    await made.close()


@pytest.mark.parametrize("table", ACCOUNT_TABLES, ids=lambda table: table.__name__)
async def test_the_schema_is_what_the_tables_say(
    connection: asyncpg.Connection, table: type[Table]
) -> None:
    rows = await connection.fetch(
        "SELECT column_name, data_type, is_nullable FROM information_schema.columns "
        "WHERE table_schema = current_schema() AND table_name = $1",
        table._meta.tablename,
    )
    made = {row["column_name"]: (row["data_type"], row["is_nullable"] == "YES") for row in rows}
    told = {
        column._meta.name: (_TYPES[type(column).__name__], column._meta.null)
        for column in table._meta.columns
    }
    assert made == told


@pytest.mark.parametrize(
    ("table", "values"),
    [
        ("account", "gen_random_uuid(), 'system', '', 'active', 'd', 'e'"),
        ("account", "gen_random_uuid(), 'ops', '', 'locked', 'd', 'e'"),
        ("account", "gen_random_uuid(), 'ops', '', 'active', 'd', 'e'"),
    ],
)
async def test_what_no_account_may_be_is_refused_by_the_table_too(
    connection: asyncpg.Connection, table: str, values: str
) -> None:
    with pytest.raises(asyncpg.CheckViolationError):
        await connection.execute(
            "INSERT INTO account (id, role, subject, status, email_digest, email, totp_step, "
            f"created_at, updated_at) VALUES ({values}, 0, now(), now())"
        )

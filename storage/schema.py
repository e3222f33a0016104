"""Which schema a database has, told without what it takes to migrate one (migrate.py imports all of
Piccolo's, which a web worker would pay for with 0.7 s and 10 MB)."""

from __future__ import annotations

import pkgutil
from typing import Final

import asyncpg

from storage import migrations

_TIMEOUT_S: Final = 3.0


class SchemaBehind(Exception):
    """The database is not of this version's schema: `maxray migrate` was not run, or is not done.

    `missing`: the migrations' ids, in order; empty where that could not be asked.
    """

    def __init__(self, missing: list[str], reason: str = "") -> None:
        super().__init__(reason or f"the database lacks the migrations {', '.join(missing)}")
        self.missing = missing


def ids() -> list[str]:
    """Of this version's migrations, in order: the names of their files after the m."""
    return sorted(info.name[1:] for info in pkgutil.iter_modules(migrations.__path__))


async def require(database_url: str) -> None:
    """Raises SchemaBehind; OSError or TimeoutError where nobody answers.

    What another, newer version has added is no reason to refuse: migrations expand first.
    """
    try:
        connection = await asyncpg.connect(database_url, timeout=_TIMEOUT_S)
        try:
            known = await connection.fetch("SELECT name FROM migration WHERE app_name = 'storage'")
        except asyncpg.UndefinedTableError:
            known = []
        finally:
            await connection.close(timeout=_TIMEOUT_S)
    except (asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        raise SchemaBehind([], f"PostgreSQL does not say ({type(error).__name__})") from error
    if missing := sorted(set(ids()) - {row["name"] for row in known}):
        raise SchemaBehind(missing)

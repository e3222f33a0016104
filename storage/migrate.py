"""Brings a database to this version's schema, by Piccolo's migrations.

All that is missing is applied in one transaction under an advisory lock: of two programs that
start at once one migrates and the other waits and finds nothing to do, and a migration that fails
leaves the schema as it was.
"""

from __future__ import annotations

import importlib
import os
import pkgutil
from collections.abc import Mapping
from types import ModuleType
from typing import Any, Final

from piccolo.apps.migrations.auto import migration_manager
from piccolo.conf.apps import ENVIRONMENT_VARIABLE

from storage import migrations, piccolo_conf
from storage.engine import Engine, current, using

APP: Final = "storage"
# Any number that nobody else takes on this database: "maxray" in ASCII.
LOCK: Final = 0x6D6178726179

# Piccolo's own table of what ran, as Piccolo would create it.
_TABLE: Final = """
CREATE TABLE IF NOT EXISTS migration (
    id       SERIAL PRIMARY KEY NOT NULL,
    name     VARCHAR(200) NOT NULL DEFAULT '',
    app_name VARCHAR(200) NOT NULL DEFAULT '',
    ran_on   TIMESTAMP NOT NULL DEFAULT current_timestamp
)
"""


def _silent(*_args: object, **_kwargs: object) -> None:
    """Piccolo reports its progress with print; stdout belongs to the program, not to us."""


# In that module only: redirecting the process's stdout would swallow what others print meanwhile.
vars(migration_manager)["print"] = _silent


async def run(database_url: str) -> list[str]:
    """Apply what is missing; the ids of the migrations applied, in order. Prints nothing.

    Raises what asyncpg raises: OSError while there is no server, PostgresError for a failure.
    """
    engine = Engine(database_url)
    # Piccolo's classes look their engine up by themselves, through this variable.
    os.environ[ENVIRONMENT_VARIABLE] = piccolo_conf.__name__
    with using(engine):
        applied: list[str] = []
        async with engine.transaction() as transaction:
            applied.extend(await _apply(transaction.connection))
        return applied


async def _apply(connection: Any) -> list[str]:
    await connection.execute("SELECT pg_advisory_xact_lock($1)", LOCK)
    await connection.execute(_TABLE)
    rows = await connection.fetch("SELECT name FROM migration WHERE app_name = $1", APP)
    known = {row["name"] for row in rows}
    applied = []
    for name, module in sorted(_modules().items()):
        if name not in known:
            await (await module.forwards()).run()
            await connection.execute(
                "INSERT INTO migration (name, app_name) VALUES ($1, $2)", name, APP
            )
            applied.append(name)
    return applied


def _modules() -> Mapping[str, ModuleType]:
    names = (info.name for info in pkgutil.iter_modules(migrations.__path__))
    modules = [importlib.import_module(f"{migrations.__name__}.{name}") for name in names]
    return {module.ID: module for module in modules}


async def run_sql(script: str) -> None:
    """For migrations: statements that Piccolo has no words for, inside the transaction."""
    transaction = current().current_transaction.get()
    assert transaction is not None, "migrations run inside run()"
    await transaction.connection.execute(script)

"""Data keys in PostgreSQL (migration 0040): hand-written SQL over asyncpg, one statement each."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, Final

import asyncpg

from storage.encryption.errors import KeysUnavailable
from storage.encryption.key_store import StoredKey
from storage.encryption.master_key import Wrapped

# One read by primary key, on a server that may be starting up or busy; commits wait for it.
CONNECT_TIMEOUT_S: Final = 5.0
COMMAND_TIMEOUT_S: Final = 5.0
# What `pg_stat_activity` shows of our sessions.
_SESSION: Final = {"application_name": "maxray-keys"}

_LOAD: Final = "SELECT scope, id, master_id, wrapped FROM data_key WHERE scope = ANY ($1::text[])"
# Of two that make the same scope's key at once the second finds neither row: it asks again.
_MAKE: Final = """
WITH made AS (
    INSERT INTO data_key (scope, master_id, wrapped)
    SELECT * FROM unnest($1::text[], $2::text[], $3::bytea[])
    ON CONFLICT (scope) DO NOTHING
    RETURNING scope, id, master_id, wrapped
)
SELECT * FROM made UNION ALL
SELECT scope, id, master_id, wrapped FROM data_key WHERE scope = ANY ($1::text[])
"""
_DESTROY: Final = """
UPDATE data_key SET wrapped = NULL, destroyed_at = clock_timestamp()
WHERE scope = $1 AND wrapped IS NOT NULL
"""
# For a scope that never had a key: it is not to get one afterwards.
_TOMBSTONE: Final = """
INSERT INTO data_key (scope, master_id, wrapped, destroyed_at)
VALUES ($1, '', NULL, clock_timestamp()) ON CONFLICT (scope) DO NOTHING
"""
_DESTROYED: Final = """
SELECT scope FROM data_key WHERE destroyed_at > clock_timestamp() - make_interval(secs => $1)
"""
_OTHERS: Final = """
SELECT scope, id, master_id, wrapped FROM data_key
WHERE master_id <> $1 AND wrapped IS NOT NULL AND id > $2 ORDER BY id LIMIT $3
"""
_COUNT_OTHERS: Final = """
SELECT count(*) AS n FROM data_key WHERE master_id <> $1 AND wrapped IS NOT NULL
"""
# Not where it was destroyed, or rewrapped by another, meanwhile.
_REWRAP: Final = """
UPDATE data_key k SET master_id = r.master_id, wrapped = r.wrapped
FROM unnest($1::bigint[], $2::text[], $3::text[], $4::bytea[]) AS r (id, was, master_id, wrapped)
WHERE k.id = r.id AND k.master_id = r.was AND k.wrapped IS NOT NULL
"""

_LOST: Final = (
    OSError,
    TimeoutError,
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
)


class PostgresKeyStore:
    """See `key_store.KeyStore`. Connects at the first call."""

    def __init__(self, database_url: str) -> None:
        self._url = database_url
        self._pool: asyncpg.Pool | None = None
        self._connecting = asyncio.Lock()

    async def load(self, scopes: Sequence[str]) -> list[StoredKey]:
        return _stored(await self._fetch(_LOAD, list(scopes)))

    async def make(self, keys: Mapping[str, Wrapped]) -> list[StoredKey]:
        wrapped = keys.values()
        rows = await self._fetch(
            _MAKE, list(keys), [w.master_id for w in wrapped], [w.blob for w in wrapped]
        )
        return _stored(rows)

    async def destroy(self, scope: str) -> None:
        await self._fetch(_DESTROY, scope)
        await self._fetch(_TOMBSTONE, scope)

    async def destroyed(self, within_s: float) -> list[str]:
        return [row["scope"] for row in await self._fetch(_DESTROYED, within_s)]

    async def count_others(self, master_id: str) -> int:
        return int((await self._fetch(_COUNT_OTHERS, master_id))[0]["n"])

    async def others(self, master_id: str, after: int, limit: int) -> list[StoredKey]:
        return _stored(await self._fetch(_OTHERS, master_id, after, limit))

    async def rewrap(self, keys: Sequence[tuple[StoredKey, Wrapped]]) -> None:
        await self._fetch(
            _REWRAP,
            [old.id for old, _ in keys],
            [old.wrapped.master_id if old.wrapped else "" for old, _ in keys],
            [new.master_id for _, new in keys],
            [new.blob for _, new in keys],
        )

    async def close(self) -> None:
        if self._pool is not None:
            self._pool.terminate()
            self._pool = None

    async def _fetch(self, sql: str, *args: object) -> list[asyncpg.Record]:
        try:
            async with self._connecting:
                if self._pool is None:
                    self._pool = await asyncpg.create_pool(
                        self._url,
                        min_size=1,
                        max_size=2,
                        timeout=CONNECT_TIMEOUT_S,
                        command_timeout=COMMAND_TIMEOUT_S,
                        server_settings=_SESSION,
                    )
            rows: list[asyncpg.Record] = await self._pool.fetch(sql, *args)
        except _LOST as error:
            # The class only: messages of the driver may quote the statement's values.
            raise KeysUnavailable(f"PostgreSQL is out of reach ({type(error).__name__})") from error
        return rows


def _stored(rows: Sequence[Any]) -> list[StoredKey]:
    return [
        StoredKey(
            row["scope"],
            row["id"],
            None if row["wrapped"] is None else Wrapped(row["master_id"], row["wrapped"]),
        )
        for row in rows
    ]

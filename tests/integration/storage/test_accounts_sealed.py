"""Nothing of an account that is secret or personal stands clear in PostgreSQL: all that there is of
one is written, and then every column of every table is read as the superuser reads it."""

from __future__ import annotations

import secrets
from base64 import b32decode, b64encode, urlsafe_b64encode
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from msgspec.structs import replace
from piccolo.table import Table

from actors.domain.ids import derive_id
from storage import migrate
from storage.accounts import AccountStore
from storage.accounts.passkey_row import PasskeyRow
from storage.accounts.passkey_table import Passkey, PasskeyChallenge
from storage.accounts.row import AccountRow, ClientInfo, LinkRow, SessionRow, SigningKeyRow
from storage.accounts.table import ACCOUNT_TABLES
from storage.embedded import EmbeddedServers
from storage.encryption import MasterKeys, PostgresKeyStore, Vault
from storage.records import Records

NOW = datetime(2026, 4, 10, tzinfo=UTC)
LATER = NOW + timedelta(days=1)
SCHEMA = "accounts_sealed"
_ALL: list[type[Table]] = [*ACCOUNT_TABLES, Passkey, PasskeyChallenge]
TABLES = {table._meta.tablename for table in _ALL}

EMAIL, OTHER_EMAIL = "asha.zqrao.41@mail.example.org", "zqanother.17@mail.example.org"
TOTP, OFFERED = "JBSWY3DPEHPK3PXPZQAA2345ZQBB6722", "KRSXG5CTMVRXEZLUZQCC5432ZQDD2276"
WAITING = {"name": "Zqasha Zqrao", "phone": "+919876501734", "password": "$argon2id$zqhash"}
NETWORK, DEVICE = "203.0.113.174", "zq-telephone/7.1"
CODES = ("7h2k-9m3p-x4tq-r6vz", "0zqd-1c9e-8w2n-5ybk")
# What anybody may read who can read the table: the search is to find it.
OPEN_KID, OPEN_AMR = "zq-kid-of-a-public-key", "zq-amr"


@pytest.fixture(scope="module")
async def url(postgres: str) -> AsyncIterator[str]:
    connection = await asyncpg.connect(postgres)
    await connection.execute(f"CREATE SCHEMA {SCHEMA}")
    url = f"{postgres}?search_path={SCHEMA}"
    await migrate.run(url)
    yield url
    await connection.execute(f"DROP SCHEMA {SCHEMA} CASCADE")
    await connection.close()


@pytest.fixture
async def superuser(
    postgres_servers: EmbeddedServers, url: str
) -> AsyncIterator[asyncpg.Connection]:
    password = postgres_servers.folder.secret("postgres-superuser")
    address = postgres_servers.database_url.rpartition("@")[2]
    connection = await asyncpg.connect(f"postgresql://postgres:{password}@{address}")
    yield connection
    await connection.close()


def id_of(what: str) -> str:
    return derive_id(NOW.timestamp(), what, "sealed")


async def written(store: AccountStore) -> dict[str, bytes]:
    """All that there is of one account, and what of it nobody is to find."""
    secret = {"link token": secrets.token_urlsafe(32), "ticket": secrets.token_urlsafe(32)}
    secret |= {"refresh token": secrets.token_urlsafe(32)}
    account = AccountRow(
        id=id_of("account"),
        role="patient",
        subject="",
        status="unverified",
        email="zqearlier.3@mail.example.org",
        password=None,
        totp=None,
        totp_offered=OFFERED,
        totp_offered_at=NOW,
        totp_step=0,
        created_at=NOW,
        updated_at=NOW,
        verified_at=None,
    )
    await store.accounts.add(account)
    # Both ways in: what is inserted, and what is changed later.
    changed = replace(account, email=EMAIL, totp=TOTP)
    assert await store.accounts.change(changed, "unverified", "email", "totp")
    # An account of its own keeps what it was inserted with.
    other = replace(account, id=id_of("other"), email=OTHER_EMAIL, totp=TOTP[::-1])
    await store.accounts.add(other)
    link = LinkRow(
        account_id=account.id,
        purpose="verify",
        payload=msgspec.json.encode(WAITING),
        expires_at=LATER,
    )
    await store.accounts.add_link(secret["link token"], link, NOW, counted_as=NETWORK)
    await store.accounts.replace_codes(account.id, CODES)
    assert await store.accounts.use_code(account.id, CODES[1], NOW)
    session = SessionRow(
        id=id_of("session"),
        account_id=account.id,
        status="challenged",
        amr=(OPEN_AMR,),
        client=ClientInfo(NETWORK, DEVICE),
        attempts=0,
        created_at=NOW,
        seen_at=NOW,
        idle_at=LATER,
        expires_at=LATER,
    )
    await store.sessions.add(session, secret["ticket"])
    await store.sessions.add_refresh(secret["refresh token"], session.id, NOW)
    private = await signing_key(store)
    passkey = PasskeyRow(
        id=id_of("passkey"),
        account_id=account.id,
        credential_id=secrets.token_bytes(32),
        public_key=secrets.token_bytes(77),
        name="Zqasha's telephone",
        transports=("zq-internal",),
        synced=True,
        sign_count=0,
        created_at=NOW,
    )
    await store.passkeys.add(passkey)
    challenge = secrets.token_bytes(32)
    assert await store.passkeys.use_challenge(challenge, LATER)
    texts = {
        **secret,
        **WAITING,
        "address": EMAIL,
        "address before": account.email,
        "other address": OTHER_EMAIL,
        "TOTP": TOTP,
        "other TOTP": TOTP[::-1],
        "TOTP offered": OFFERED,
        "network": NETWORK,
        "device": DEVICE,
        "passkey's name": passkey.name,
        "transport": passkey.transports[0],
        **{f"recovery code {number}": code for number, code in enumerate(CODES)},
        **{f"bare {number}": code.replace("-", "") for number, code in enumerate(CODES)},
    }
    return {
        **{what: text.encode() for what, text in texts.items()},
        "TOTP's bytes": b32decode(TOTP),
        "offered TOTP's bytes": b32decode(OFFERED),
        "private key": private,
        "credential": passkey.credential_id,
        "passkey's public key": passkey.public_key,
        "challenge": challenge,
    }


async def signing_key(store: AccountStore) -> bytes:
    pair = Ed25519PrivateKey.generate()
    private, public = pair.private_bytes_raw(), pair.public_key().public_bytes_raw()
    row = SigningKeyRow(
        kid=OPEN_KID,
        private=private,
        public=public,
        created_at=NOW,
        signs_from=NOW,
        signs_until=LATER,
        verifies_until=LATER,
    )
    async with store.transaction():
        await store.keys.add(row)
    return private


def forms(clear: bytes) -> set[bytes]:
    """As it is, and as hexadecimal and base64 would have it."""
    found = {clear, clear.hex().encode(), clear.hex().upper().encode()}
    for encode in (b64encode, urlsafe_b64encode):
        # Within something longer it begins at any of three places of a group of three bytes; the
        # characters that it shares with its neighbours are cut off.
        found |= {encode(bytes(n) + clear)[-(-n * 8 // 6) : -4] for n in range(3)}
    return found


def raw(value: Any) -> bytes:
    if isinstance(value, bytes):
        return value
    if isinstance(value, list):
        return b"\0".join(map(raw, value))
    return str(value).encode()


async def columns(superuser: asyncpg.Connection) -> dict[str, bytes]:
    """All that stands in each column of the schema, by `table.column`, of those that have rows."""
    tables = await superuser.fetch(
        "SELECT table_name FROM information_schema.tables "
        "WHERE table_schema = $1 AND table_type = 'BASE TABLE'",
        SCHEMA,
    )
    found: dict[str, bytes] = {}
    for (table,) in tables:
        for row in await superuser.fetch(f'SELECT * FROM {SCHEMA}."{table}"'):
            for column, value in row.items():
                name = f"{table}.{column}"
                found[name] = found.get(name, b"") + b"\0" + raw(value)
    return found


async def test_all_that_there_is_of_an_account_stands_clear_in_no_column(
    url: str, superuser: asyncpg.Connection
) -> None:
    vault = Vault(PostgresKeyStore(url), MasterKeys("0123456789abcdef0123456789abcdef"))
    await vault.start()
    records = await Records.open(url, vault)
    try:
        planted = await written(AccountStore(records.database, vault))
        stored = await columns(superuser)
    finally:
        await records.close()
        await vault.close()
    assert {name.partition(".")[0] for name in stored} >= TABLES
    clear = [
        (what, name)
        for what, text in planted.items()
        for name, content in stored.items()
        if any(form in content for form in forms(text))
    ]
    assert clear == []
    # The same search finds what does stand clear.
    seen = {name for name, content in stored.items() if OPEN_KID.encode() in content}
    assert seen == {"signing_key.kid"}
    assert OPEN_AMR.encode() in stored["session.amr"]

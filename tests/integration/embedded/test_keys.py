"""`maxray keys rotate` as an operator runs it: on a folder's own key, and between given keys."""

from __future__ import annotations

from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from storage import migrate
from storage.embedded import EmbeddedServers
from storage.embedded.folder import DataFolder
from storage.encryption import MasterKeys, PostgresKeyStore, UnknownMasterKey, Vault
from storage.encryption.rotation import rewrap_all
from tests.integration.embedded.child import child, ended
from web.cli.exits import Exit
from web.cli.keys import MASTER_KEY, NEXT_KEY, OLD_KEY

ROTATE = ("-m", "web.cli", "keys", "rotate")
PATIENTS = [f"patient-{n}" for n in range(700)]  # more than one page of them


async def rotate(data: Path, environment: dict[str, str] | None = None) -> tuple[int, str]:
    async with child(*ROTATE, "--data", str(data), environment=environment) as process:
        return await ended(process)


async def opened(stack: AsyncExitStack, url: str, *masters: str) -> Vault:
    vault = Vault(PostgresKeyStore(url), MasterKeys(*masters))
    stack.push_async_callback(vault.close)
    await vault.start()
    await vault.prepare(PATIENTS)
    return vault


class CutOff(Exception):
    pass


def cut_off(done: int, total: int) -> None:
    if done:
        raise CutOff


async def test_the_folders_own_key_is_changed_also_after_a_change_that_was_cut_off(
    tmp_path: Path,
) -> None:
    folder = DataFolder(tmp_path)
    first, second = folder.secret(MASTER_KEY), folder.secret(NEXT_KEY)
    async with EmbeddedServers(tmp_path, {"postgres"}) as servers, AsyncExitStack() as stack:
        url = servers.database_url
        await migrate.run(url)
        vault = await opened(stack, url, first)
        sealed = {one: vault.seal(one, one.encode(), b"") for one in PATIENTS}
        store = PostgresKeyStore(url)
        stack.push_async_callback(store.close)
        with pytest.raises(CutOff):  # as a machine that goes down in the middle leaves it
            await rewrap_all(store, MasterKeys(second, first), cut_off)
        assert 0 < await store.count_others(MasterKeys(second).current) < len(PATIENTS)
        code, said = await rotate(tmp_path)
        assert code == Exit.IN_USE and "stop it first" in said

    code, said = await rotate(tmp_path)
    assert code == 0, said
    assert "keep a copy" in said and "201 data keys" in said  # SYSTEM and 700, less a page of 500
    secrets = tmp_path / "secrets"
    assert folder.secret(MASTER_KEY) == second and not (secrets / NEXT_KEY).exists()
    assert (secrets / OLD_KEY).read_text().strip() == first
    async with EmbeddedServers(tmp_path, {"postgres"}) as servers, AsyncExitStack() as stack:
        vault = await opened(stack, servers.database_url, second)
        assert all(vault.open(one, sealed[one], b"") == one.encode() for one in PATIENTS)
        with pytest.raises(UnknownMasterKey):
            await opened(stack, servers.database_url, first)

        # Between given keys, beside whatever runs.
        given = {
            "MAXRAY_DATABASE_URL": servers.database_url,
            "MAXRAY_MASTER_KEY": "g" * 32,
        }
        code, said = await rotate(tmp_path / "else", given)
        assert code == Exit.FAILED and MasterKeys(second).current in said
        code, said = await rotate(tmp_path / "else", {**given, "MAXRAY_SPARE_MASTER_KEY": second})
        assert code == 0, said
        vault = await opened(stack, servers.database_url, "g" * 32)
        assert vault.open(PATIENTS[0], sealed[PATIENTS[0]], b"") == PATIENTS[0].encode()

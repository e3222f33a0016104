"""The verifying keys on this machine's disk: who calls is known while PostgreSQL is away."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.integration.web.accounts.stage import Stage
from web.accounts.kept_keys import KeptKeys
from web.accounts.signing import SIGNS_S, SigningKeys
from web.accounts.verifier import TokenVerifier
from web.tokens import TokenError


async def test_a_sessions_token_verifies_by_the_kept_keys_and_by_no_older_ones(
    stage: Stage, tmp_path: Path
) -> None:
    caller, file = await stage.patient(), tmp_path / "keys.json"
    keys = SigningKeys(stage.accounts.parts.store, stage.clock, KeptKeys(file))

    def verified(now: float) -> str:
        kept = KeptKeys(file).read(now)
        secret = stage.needs.token_secret
        return (
            TokenVerifier(secret, kept, frozenset(), stage.clock)
            .verify(caller.access_token)
            .session_id
        )

    now = stage.clock.now()
    with pytest.raises(TokenError):  # none were kept
        verified(now)
    await keys.reload()
    assert verified(now) == caller.session_id
    assert file.stat().st_mode & 0o777 == 0o600
    with pytest.raises(TokenError):
        verified(now + 2 * SIGNS_S)
    file.write_bytes(b"{")
    with pytest.raises(TokenError):
        verified(now)


async def test_a_revoked_key_leaves_the_file(stage: Stage, tmp_path: Path) -> None:
    file = tmp_path / "keys.json"
    keys = SigningKeys(stage.accounts.parts.store, stage.clock, KeptKeys(file))
    await keys.reload()
    before = KeptKeys(file).read(stage.clock.now())
    kid = await keys.revoke()
    assert KeptKeys(file).read(stage.clock.now()).keys() == {kid}
    assert kid not in before
    await stage.accounts.keys.reload()


async def test_a_folder_that_takes_nothing_is_in_nobodys_way(stage: Stage, tmp_path: Path) -> None:
    kept = KeptKeys(tmp_path / "missing" / "keys.json")
    await SigningKeys(stage.accounts.parts.store, stage.clock, kept).reload()
    assert kept.read(stage.clock.now()) == {}

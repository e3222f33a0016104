"""Sessions: kept by rotating tokens, ended once and for all."""

from __future__ import annotations

import asyncio
from typing import Any

import asyncpg
import pytest
from jwt import PyJWKSet
from jwt import decode as decode_jwt

from storage.accounts import AccountStore
from storage.audit import AuditUnavailable
from tests.integration.web.accounts.mailbox import somebody
from tests.integration.web.accounts.stage import Stage
from tests.integration.web.api import problem
from tests.waiting import until
from web.accounts.service import Accounts, opened
from web.accounts.session_service import RETRY_S
from web.accounts.trail import NOWHERE
from web.problems import ProblemError
from web.tokens import AUDIENCE


async def test_an_access_token_says_who_and_verifies_by_the_published_keys(stage: Stage) -> None:
    caller = await stage.patient()
    keys = PyJWKSet.from_dict((await stage.stranger().get("/.well-known/jwks.json")).json())
    options: Any = {"verify_exp": False, "verify_iat": False, "verify_nbf": False}
    (claims,) = [
        decode_jwt(caller.access_token, key, ["EdDSA"], options, audience=AUDIENCE)
        for key in keys.keys
    ]
    me = (await caller.get("/api/accounts/me")).json()
    assert (claims["sub"], claims["role"], claims["acc"]) == (me["subject"], "patient", me["id"])
    assert claims["sid"] == caller.session_id and claims["amr"] == ["pwd"]
    assert claims["exp"] - claims["iat"] == 900 and len(claims["jti"]) == 16


async def test_it_is_good_for_a_quarter_of_an_hour(stage: Stage) -> None:
    caller = await stage.patient()
    await stage.later(895.0)
    await caller.get("/api/accounts/me")
    await stage.later(15.0)
    problem(await caller.get("/api/accounts/me", expect=None), 401, "unauthorized")
    await caller.refresh()
    await caller.get("/api/accounts/me")


async def test_a_refresh_token_is_good_once_and_its_repeat_ends_the_family(stage: Stage) -> None:
    caller = await stage.patient()
    stolen = caller.refresh_token
    await caller.refresh()
    newest = caller.refresh_token
    assert newest != stolen
    problem(await caller.try_refresh(stolen), 401, "invalid-credentials")
    problem(await caller.try_refresh(newest), 401, "invalid-credentials")
    await until(lambda: _refused(stage, caller.access_token))
    entry = stage.entries("session.reused")[-1]
    assert (entry.outcome, entry.details) == ("denied", {"session": caller.session_id})
    assert (await stage.mailbox.letters(caller.email))[-1].kind == "security_changed"
    await caller.log_in()


async def _refused(stage: Stage, token: str) -> bool:
    caller = stage.stranger()
    caller.access_token = token
    return (await caller.get("/api/accounts/me", expect=None)).status_code == 401


async def test_a_repeated_request_gets_the_same_answer_and_ends_nothing(stage: Stage) -> None:
    caller = await stage.patient()
    old, key = caller.refresh_token, "made-at-random-by-the-client"
    answers = [(await caller.try_refresh(old, key)).json() for _ in range(2)]
    assert answers[0]["refresh_token"] == answers[1]["refresh_token"]
    caller.take(answers[1])
    await caller.refresh()
    problem(await caller.try_refresh(old, "another-random-key-of-a-thief"), 401, _INVALID)
    problem(await caller.try_refresh(), 401, _INVALID)  # that one was a replay


async def test_a_request_repeated_too_late_is_a_replay(stage: Stage) -> None:
    caller = await stage.patient()
    old, key = caller.refresh_token, "made-at-random-by-the-client"
    await caller.try_refresh(old, key)
    await stage.later(RETRY_S + 1.0)
    problem(await caller.try_refresh(old, key), 401, _INVALID)


_INVALID = "invalid-credentials"


async def test_of_two_at_once_with_one_token_at_most_one_goes_on(stage: Stage) -> None:
    caller = await stage.patient()
    answers = await asyncio.gather(*(caller.try_refresh() for _ in range(4)))
    good = [answer for answer in answers if answer.status_code == 200]
    assert len(good) == 1
    problem(await caller.try_refresh(good[0].json()["refresh_token"]), 401, _INVALID)


async def test_sessions_are_listed_and_ended_from_elsewhere(stage: Stage) -> None:
    here = await stage.patient()
    there = stage.stranger(device="tablet/2.0")
    there.email = here.email
    await stage.later(1.0)  # ids order what was made in different milliseconds
    await there.log_in()
    listed = (await here.get("/api/sessions")).json()["items"]
    assert [one["id"] for one in listed] == [there.session_id, here.session_id]
    assert [one["current"] for one in listed] == [False, True]
    assert (listed[0]["device"], listed[0]["address"]) == ("tablet/2.0", there.address)

    other = await stage.patient()
    path = f"/api/sessions/{there.session_id}"
    problem(await other.call("DELETE", path), 404, "not-found")
    await here.call("DELETE", path, expect=204)
    await here.call("DELETE", path, expect=204)
    assert await _refused(stage, there.access_token)
    problem(await there.try_refresh(), 401, _INVALID)
    assert len((await here.get("/api/sessions")).json()["items"]) == 1
    ended = stage.entries("session.ended")[-1]
    assert (ended.reason, ended.details) == ("revoked", {"session": there.session_id})

    await there.log_in()
    await here.call("DELETE", "/api/sessions", expect=204)
    assert await _refused(stage, there.access_token)
    await here.call("DELETE", "/api/sessions/current", expect=204)
    assert await _refused(stage, here.access_token)


async def test_whoever_ends_a_session_refuses_it_before_any_notice_comes_back(
    stage: Stage,
) -> None:
    caller, reused = await stage.patient(), await stage.patient()
    old = reused.refresh_token
    await reused.refresh()
    store = AccountStore(stage.needs.records.database, stage.needs.vault)
    # A worker whose following of PostgreSQL's notices was never started: it hears of nothing.
    worker = Accounts(stage.needs, store, stage.accounts.parts.passwords)
    account = await store.accounts.by_email(caller.email)
    assert account is not None
    with pytest.raises(AuditUnavailable):  # what is taken back has not ended
        async with store.transaction():
            await worker.sessions.end_all(account, "revoked")
            raise AuditUnavailable("the disk is full")
    assert caller.session_id not in worker.revocations
    assert await worker.sessions.end(caller.session_id)
    assert caller.session_id in worker.revocations
    with pytest.raises(ProblemError):
        await worker.sessions.refresh(old, None, NOWHERE)
    assert reused.session_id in worker.revocations


async def test_a_session_nobody_uses_ends_by_itself(stage: Stage) -> None:
    caller = await stage.patient()
    for _ in range(3):
        await stage.later(29 * 86_400.0)
        await caller.refresh()
    await stage.later(31 * 86_400.0)
    problem(await caller.try_refresh(), 401, _INVALID)


async def test_a_token_of_an_operator_belongs_to_no_account(stage: Stage) -> None:
    admin = stage.admin()
    problem(await admin.get("/api/accounts/me", expect=None), 403, "no-account")
    problem(await admin.get("/api/sessions", expect=None), 403, "no-account")


async def test_what_ended_while_a_worker_was_cut_off_is_known_when_it_is_back(
    stage: Stage,
) -> None:
    caller, key = await stage.patient(), stage.accounts.keys.signing()[0]
    connection = await asyncpg.connect(stage.needs.database_url)
    # As when it ended unheard: no notice. So do the signing keys.
    await connection.execute("DELETE FROM signing_key")
    await connection.execute(
        "UPDATE session SET status = 'ended', ended_why = 'revoked', ended_at = "
        "(SELECT greatest(max(ended_at), now()) FROM session) WHERE id = $1::uuid",
        caller.session_id,
    )
    await connection.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE $1 "
        "AND pid <> pg_backend_pid()",
        "%status = 'ended' AND ended_at >%",
    )
    await connection.close()

    async def caught_up() -> bool:
        accounts = stage.accounts
        return caller.session_id in accounts.revocations and key not in accounts.keys.verifying

    await until(caught_up)
    assert await _refused(stage, caller.access_token)


async def test_a_key_that_was_revoked_is_known_to_every_worker_with_the_commit(
    stage: Stage,
) -> None:
    async with opened(stage.needs) as elsewhere:  # in a time that stands still: nothing is polled
        before = elsewhere.keys.signing()[0]
        expected = {await stage.accounts.keys.revoke()}

        async def known() -> bool:
            return elsewhere.keys.verifying.keys() == expected

        await until(known)
        assert {elsewhere.keys.signing()[0]} == expected != {before}
        expected.add(await stage.accounts.keys.rotate())
        await until(known)


async def test_keys_follow_each_other_and_old_ones_verify_until_their_tokens_end(
    stage: Stage,
) -> None:
    caller, keys = await stage.patient(), stage.accounts.keys
    before = keys.signing()[0]
    new = await keys.rotate()
    assert keys.signing()[0] == before and new in keys.verifying  # published, not used yet
    await stage.later(601.0)
    assert keys.signing()[0] == new
    await caller.get("/api/accounts/me")  # signed by the one before
    await caller.refresh()
    await stage.later(900.0)
    assert before in keys.verifying
    await stage.later(61.0)
    assert before not in keys.verifying


async def test_a_key_has_a_successor_before_its_month_is_over(stage: Stage) -> None:
    keys = stage.accounts.keys
    first = keys.signing()[0]
    for _ in range(40):
        await stage.later(86_400.0)
        keys.signing()
    assert keys.signing()[0] != first
    listed = keys.jwks()["keys"]
    assert len({key["kid"] for key in listed}) == len(listed) <= 2


async def test_a_key_that_got_away_verifies_nothing_any_more(stage: Stage) -> None:
    caller = await stage.patient()
    stage_keys = stage.accounts.keys
    await stage_keys.revoke()
    problem(await caller.get("/api/accounts/me", expect=None), 401, "unauthorized")
    await caller.refresh()
    await caller.get("/api/accounts/me")


async def test_old_sessions_links_and_keys_are_forgotten(stage: Stage) -> None:
    caller, waiting = await stage.patient(), stage.stranger()
    waiting.email = somebody()
    await waiting.sign_up()
    await caller.call("DELETE", "/api/sessions/current", expect=204)
    await stage.later(31 * 86_400.0)
    await stage.accounts.prune()
    connection = await asyncpg.connect(stage.needs.database_url)
    query = "SELECT count(*) FROM session WHERE id = $1::uuid"
    assert await connection.fetchval(query, caller.session_id) == 0
    assert await connection.fetchval("SELECT count(*) FROM account_link") == 0
    await connection.close()
    await caller.log_in()

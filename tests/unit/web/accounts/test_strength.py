"""Passwords: refused when they are guessed soon, never for the letters they are made of."""

from __future__ import annotations

import asyncio

import pytest

from actors.errors import Busy
from web.accounts.password import WAITING, Cost, Passwords
from web.accounts.strength import weakness

CHEAP = Cost(memory_kib=64, passes=1)


@pytest.mark.parametrize(
    "password",
    [
        "",
        "short",
        "password",
        "Password1!",
        "qwertyuiop",
        "abcdefghijkl",
        "aaaaaaaaaaaa",
        "maxray2026",
    ],
)
def test_what_thieves_try_first_is_refused(password: str) -> None:
    assert weakness(password)


@pytest.mark.parametrize(
    "password",
    ["larkspur tram ottoman", "ottoman-kelp-41-tram", "वर्षा में भीगता नीला हाथी", "kV9#tq2$Lm"],
)
def test_long_and_unusual_ones_are_taken_whatever_they_are_made_of(password: str) -> None:
    assert weakness(password, ("asha@example.org", "Asha Rao")) is None


@pytest.mark.parametrize("password", ["asha.rao@example", "RaoAshaRao1980", "asharaoasharao"])
def test_ones_own_name_is_no_password(password: str) -> None:
    assert weakness(password, ("asha.rao@example.org", "Asha Rao"))


def test_the_longest_that_is_taken_is_looked_at_in_time() -> None:
    assert weakness("kelp-ottoman-" * 19) is None


@pytest.fixture
def passwords() -> Passwords:
    return Passwords(CHEAP)


async def test_a_hash_is_argon2id_and_verifies_its_password_only(passwords: Passwords) -> None:
    hashed = await passwords.hash("larkspur")
    assert hashed.startswith("$argon2id$v=19$m=64,t=1,p=1$")
    assert hashed != await passwords.hash("larkspur")
    assert await passwords.verify(hashed, "larkspur")
    assert not await passwords.verify(hashed, "larkspur ")
    assert not await passwords.verify("no hash at all", "larkspur")
    passwords.close()


async def test_the_same_letters_typed_on_another_keyboard_are_the_same(
    passwords: Passwords,
) -> None:
    hashed = await passwords.hash("caf\u00e9-ottoman")
    assert await passwords.verify(hashed, "cafe\u0301-ottoman")
    passwords.close()


async def test_where_there_is_no_hash_the_same_work_is_done(passwords: Passwords) -> None:
    assert not await passwords.verify(None, "nobody")
    assert passwords.computed == 1
    passwords.close()


async def test_the_loop_goes_on_meanwhile_and_too_many_are_turned_away(
    passwords: Passwords,
) -> None:
    work = [asyncio.create_task(passwords.hash("larkspur")) for _ in range(WAITING + 3)]
    done = await asyncio.gather(*work, return_exceptions=True)
    assert sum(isinstance(one, Busy) for one in done) == 3
    assert await passwords.hash("larkspur")
    passwords.close()


def test_the_cost_is_above_what_owasp_asks_for() -> None:
    cost = Cost()
    assert cost.memory_kib >= 19 * 1024 and cost.memory_kib * cost.passes >= 2 * 19 * 1024

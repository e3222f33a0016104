"""What strangers do with somebody's address from elsewhere shuts its owner out of nothing, and does
not fill the mailbox."""

from __future__ import annotations

from tests.integration.web.accounts.mailbox import somebody
from tests.integration.web.accounts.stage import PASSWORD, Caller, Stage
from tests.integration.web.api import problem
from web.accounts.link import MOST, MOST_ALIKE, STILL_GOOD_S
from web.accounts.throttle import ACCOUNT, CHANGES, GUESSES, REQUESTS

SIGN_UP = "/api/accounts"
VERIFICATION = "/api/accounts/verification"
RESET = "/api/accounts/password-reset"
EMAIL = "/api/accounts/me/email"
NEW = "another-good-one-82-tram"
HOUR_S = 3600.0


async def sign_up(caller: Caller, email: str, password: str) -> int:
    body = {"email": email, "password": password, "name": "A", "phone": "0805550101"}
    return (await caller.post(SIGN_UP, body)).status_code


async def ask_reset(caller: Caller, email: str) -> int:
    return (await caller.post(RESET, {"email": email})).status_code


async def guess(caller: Caller, email: str) -> int:
    caller.email, caller.password = email, "a-guess-of-somebody-3"
    return (await caller.try_log_in()).status_code


async def reset(caller: Caller, password: str) -> None:
    """With the newest letter; the device is known from then on."""
    done = await caller.follow(
        "reset_password", "reset", f"{RESET}/confirmation", password=password
    )
    assert done.status_code == 200, done.text
    caller.password, caller.device_token = password, done.json()["device_token"]


async def test_strangers_do_not_lock_the_owner_out(stage: Stage) -> None:
    owner = await stage.patient()
    strangers = [stage.stranger() for _ in range(ACCOUNT.free // GUESSES.free + 1)]
    for stranger in strangers:
        for _ in range(4):
            assert await sign_up(stranger, owner.email, "iloveyou1") == 422
            assert await sign_up(stranger, owner.email, PASSWORD) == 202
            assert await ask_reset(stranger, owner.email) == 202
        for _ in range(GUESSES.free + 1):
            await guess(stranger, owner.email)
    # So many networks together do slow whoever comes from nowhere, for a minute at most.
    nowhere = stage.stranger()
    nowhere.email = owner.email
    refused = await nowhere.try_log_in()
    problem(refused, 429, "too-many-attempts")
    assert int(refused.headers["retry-after"]) <= ACCOUNT.cap_s == 60.0
    # The owner goes on where the session is open, and is let in at once: on the device that was
    # here before,
    await owner.post("/api/accounts/me/totp", {"password": owner.password}, expect=200)
    await owner.log_in()
    # on another one by way of the mailbox,
    new = stage.stranger()
    new.email = owner.email
    assert await ask_reset(new, new.email) == 202
    await reset(new, NEW)
    await new.log_in()
    # and also on one that has forgotten what it was.
    new.device_token = None
    await new.log_in()
    kinds = await stage.mailbox.kinds(owner.email)
    assert kinds.count("reset_password") == MOST and kinds.count("account_exists") == 1


async def test_what_one_network_asks_for_leaves_the_owners_own_letter(stage: Stage) -> None:
    owner, stranger = await stage.patient(), stage.stranger()
    statuses = [await ask_reset(stranger, owner.email) for _ in range(REQUESTS.free + 2)]
    assert statuses == [202] * (REQUESTS.free + 1) + [429]  # by its network, not by the mailbox
    # Signing up is counted for itself, and what never can be is no letter.
    assert await sign_up(stranger, owner.email, "iloveyou1") == 422
    assert await sign_up(stranger, owner.email, PASSWORD) == 202
    elsewhere = stage.stranger()
    elsewhere.email = owner.email
    assert await ask_reset(elsewhere, owner.email) == 202
    assert (await stage.mailbox.kinds(owner.email)).count("reset_password") == MOST_ALIKE + 1
    assert elsewhere.address in (await stage.mailbox.letters(owner.email))[-1].text
    left_out = [one for one in stage.entries("account.letter") if one.reason == "enough"]
    assert left_out and {one.outcome for one in left_out} == {"denied"}


async def test_strangers_who_go_on_all_day_are_neither_a_flood_nor_a_lock(stage: Stage) -> None:
    owner = await stage.patient()
    half_hours = 12
    for _ in range(half_hours):
        for _ in range(2):
            assert await ask_reset(stage.stranger(), owner.email) == 202
            assert await sign_up(stage.stranger(), owner.email, PASSWORD) == 202
        await stage.later(HOUR_S / 2)
    sent = (await stage.mailbox.kinds(owner.email)).count("reset_password")
    assert sent <= MOST + half_hours * HOUR_S / 2 / (HOUR_S - STILL_GOOD_S) + 1
    assert (await stage.mailbox.kinds(owner.email)).count("account_exists") <= 2
    new = stage.stranger()
    new.email = owner.email
    assert await ask_reset(new, owner.email) == 202
    await reset(new, NEW)
    await new.log_in()


async def test_one_stranger_who_goes_on_guessing_stops_nobody_for_a_minute(stage: Stage) -> None:
    owner, stranger = await stage.patient(), stage.stranger()
    for _ in range(ACCOUNT.free + 10):
        if await guess(stranger, owner.email) == 429:
            await stage.later(GUESSES.cap_s)
            assert await guess(stranger, owner.email) == 401
    nowhere = stage.stranger()
    nowhere.email = owner.email
    first = await nowhere.try_log_in()
    if first.status_code == 429:
        await stage.later(float(first.headers["retry-after"]))
        # The stranger is to wait for longer, so this moment is not theirs.
        assert await guess(stranger, owner.email) == 429
    await nowhere.log_in()


async def test_an_address_without_an_account_is_its_owners_to_sign_up_with(stage: Stage) -> None:
    email, owner = somebody(), stage.stranger()
    for stranger in (stage.stranger(), stage.stranger()):
        for _ in range(2 * MOST_ALIKE):
            assert await sign_up(stranger, email, "iloveyou1") == 422
            assert await sign_up(stranger, email, "thiefs-own-passphrase-77") == 202
    owner.email = email
    await owner.sign_up()
    assert await stage.mailbox.kinds(email) == ["verify_email"] * (2 * MOST_ALIKE + 1)
    assert (await owner.follow("verify_email", "verify", VERIFICATION)).status_code == 200
    await owner.log_in()


async def test_nobodys_mailbox_is_flooded(stage: Stage) -> None:
    email = somebody()
    for _ in range(MOST):
        stranger = stage.stranger()
        for _ in range(2):
            assert await sign_up(stranger, email, PASSWORD) == 202
    assert await stage.mailbox.kinds(email) == ["verify_email"] * MOST
    await stage.later(24 * HOUR_S)
    assert await sign_up(stage.stranger(), email, PASSWORD) == 202
    assert len(await stage.mailbox.letters(email)) == MOST + 1


async def test_an_accounts_owner_cannot_flood_other_mailboxes(stage: Stage) -> None:
    caller, email = await stage.patient(), somebody()
    body = {"email": email, "password": caller.password}
    statuses = [(await caller.post(EMAIL, body)).status_code for _ in range(CHANGES.free + 2)]
    assert statuses == [202] * (CHANGES.free + 1) + [429]
    assert await stage.mailbox.kinds(email) == ["confirm_new_email"] * MOST_ALIKE
    caller.email = email
    path = "/api/accounts/email-change/confirmation"
    assert (await caller.follow("confirm_new_email", "email", path)).status_code == 204

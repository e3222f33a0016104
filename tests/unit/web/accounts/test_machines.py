"""The tables of accounts and sessions: what leads where, and what never does."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.domain.kernel import DomainError
from storage.accounts.row import AccountRole, AccountRow
from web.accounts.account_machine import ACCOUNT, STAFF, after, return_of
from web.accounts.session_machine import ATTEMPTS, SESSION, lifetime
from web.times import moment


def account(status: str, role: AccountRole = "ops", verified: bool = True) -> AccountRow:
    now = moment(1_800_000_000.0)
    return AccountRow(
        id="a",
        role=role,
        subject="s",
        status=status,  # type: ignore[arg-type]  # names from the table, as str
        email="secret@example.org",
        password="secret-hash",
        totp="secret-totp",
        totp_offered=None,
        totp_offered_at=None,
        totp_step=0,
        created_at=now,
        updated_at=now,
        verified_at=now if verified else None,
    )


def test_nobody_becomes_active_but_by_a_link_or_from_having_been() -> None:
    ways = {trigger for (_, trigger), target in ACCOUNT.table.items() if target == "active"}
    assert ways == {"accept", "verify", "enable"}


@pytest.mark.parametrize(
    ("role", "verified", "back"),
    [
        ("ops", True, "active"),
        ("ops", False, "invited"),
        ("patient", True, "active"),
        ("patient", False, "unverified"),
    ],
)
def test_a_disabled_account_comes_back_to_where_it_was(
    role: AccountRole, verified: bool, back: str
) -> None:
    row = account("disabled", role, verified)
    assert after(row, return_of(row)) == back
    with pytest.raises(DomainError, match="disabled"):
        after(row, "verify")


@given(st.lists(st.sampled_from(sorted({trigger for _, trigger in SESSION.table})), max_size=8))
def test_an_ended_session_stays_ended_and_only_a_factor_makes_one_whole(path: list[str]) -> None:
    for first in ("challenged", "enrolling"):
        state, passed = first, False
        for trigger in path:
            if SESSION.can(state, trigger):
                passed = passed or trigger in ("pass_factor", "enrol_factor")
                state = SESSION.next(state, trigger)
        assert (state == "active") <= passed
        assert SESSION.terminal() == frozenset({"ended"})


def test_staff_sessions_are_shorter_than_patients_and_challenges_than_both() -> None:
    assert "patient" not in STAFF
    for role in STAFF:
        assert lifetime("active", role).most_s < lifetime("active", "patient").most_s
        assert lifetime("challenged", role).most_s < lifetime("enrolling", role).most_s
    assert ATTEMPTS * 3 / 10**6 < 1e-4  # the chance of guessing one of the codes of a challenge


def test_a_row_shows_nothing_of_what_is_in_it() -> None:
    assert repr(account("active")) == "AccountRow(id='a')"


def test_the_papers_show_the_tables_as_they_are() -> None:
    text = (Path(__file__).parents[4] / "docs" / "accounts.md").read_text()
    for machine in (ACCOUNT, SESSION):
        assert machine.mermaid().strip() in text

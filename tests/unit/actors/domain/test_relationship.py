"""Relationships begin and end; the policy lets nobody in whom none names just then."""

from __future__ import annotations

from typing import get_args

from hypothesis import given
from hypothesis import strategies as st

from actors.domain.access import PRINCIPALS, RELATIONS, RULES, Facts, by_role_alone, may
from actors.domain.kernel import Sender, Tie, TieKind
from actors.domain.relationship import FAMILY, Relationship, standing

PEOPLE = st.sampled_from(["ann", "bob", "cem"])
TIMES = st.sampled_from([0.0, 1.0, 2.0, 3.0])
KINDS: tuple[TieKind, ...] = get_args(TieKind)

relationships = st.builds(
    Relationship,
    id=st.just("r"),
    kind=st.sampled_from(KINDS),
    role=st.sampled_from(PRINCIPALS),
    holder=PEOPLE,
    patient_id=PEOPLE,
    begins_at=st.none() | TIMES,
    ends_at=st.none() | TIMES,
)
facts = st.builds(
    Facts,
    patient_id=st.none() | PEOPLE,
    crew=st.lists(PEOPLE, max_size=2).map(tuple),
    paramedic_id=st.none() | PEOPLE,
    doctor_id=st.none() | PEOPLE,
    manager=st.none() | PEOPLE,
)
callers = st.builds(Sender, role=st.sampled_from(PRINCIPALS), subject=PEOPLE)
actions = st.sampled_from(sorted(RULES))


def made(begins_at: float | None, ends_at: float | None) -> Relationship:
    return Relationship(
        id="r",
        kind="family",
        role="patient",
        holder="mum",
        patient_id="kid",
        begins_at=begins_at,
        ends_at=ends_at,
    )


def test_it_counts_from_its_beginning_until_its_end_and_not_at_it() -> None:
    link = made(10.0, 20.0)
    assert [link.in_force(now) for now in (9.9, 10.0, 19.9, 20.0, 21.0)] == [
        False,
        True,
        True,
        False,
        False,
    ]
    assert made(10.0, None).in_force(1e12)


def test_an_invitation_lets_nobody_in() -> None:
    assert not made(None, None).in_force(15.0)
    assert not made(None, 20.0).in_force(15.0)


def test_what_belongs_to_another_account_or_role_gives_no_tie() -> None:
    links = [made(0.0, None)]
    assert standing(Sender("patient", "mum"), links, 1.0).ties == (Tie("family", "kid"),)
    assert standing(Sender("patient", "dad"), links, 1.0).ties == ()
    assert standing(Sender("doctor", "mum"), links, 1.0).ties == ()


def test_ties_that_a_caller_brings_along_do_not_count() -> None:
    forged = Sender("patient", "dad", (Tie("family", "kid"),))
    assert standing(forged, [made(0.0, None)], 1.0).ties == ()


def named(who: Sender, known: list[Relationship], thing: Facts, now: float) -> bool:
    """Whether anything at all says that this principal has to do with this thing, at `now`.

    Written down once more without the table and its relations, and wider than they are.
    """
    of_thing = {thing.patient_id, thing.paramedic_id, thing.doctor_id, thing.manager, *thing.crew}
    related = any(
        (link.role, link.holder, link.patient_id) == (who.role, who.subject, thing.patient_id)
        and link.begins_at is not None
        and link.begins_at <= now
        and (link.ends_at is None or link.ends_at > now)
        for link in known
    )
    return who.subject in of_thing or related


@given(callers, actions, facts, st.lists(relationships, max_size=5), TIMES)
def test_nobody_is_let_in_whom_no_relation_names(
    who: Sender, action: str, thing: Facts, known: list[Relationship], now: float
) -> None:
    if by_role_alone(who.role, action):
        return
    assert not may(standing(who, known, now), action, thing) or named(who, known, thing, now)


@given(callers, actions, facts, st.lists(relationships, max_size=5), TIMES)
def test_what_has_ended_counts_for_nothing(
    who: Sender, action: str, thing: Facts, known: list[Relationship], now: float
) -> None:
    over = [link for link in known if link.ends_at is not None and link.ends_at <= now]
    rest = [link for link in known if link not in over]
    assert may(standing(who, over, now), action, thing) == may(who, action, thing)
    assert standing(who, known, now) == standing(who, rest, now)


@given(callers, facts, st.lists(relationships, max_size=5), TIMES)
def test_a_relationship_never_takes_a_right_away_nor_reaches_another_patient(
    who: Sender, thing: Facts, known: list[Relationship], now: float
) -> None:
    others = [link for link in known if link.patient_id != thing.patient_id]
    for action in RULES:
        alone = may(who, action, thing)
        assert may(standing(who, known, now), action, thing) or not alone
        assert may(standing(who, others, now), action, thing) == alone


def test_every_kind_of_tie_opens_something_to_somebody() -> None:
    for kind in KINDS:
        assert any(
            RELATIONS[name](Sender(role, "ann", (Tie(kind, "bob"),)), Facts(patient_id="bob"))
            for name in RELATIONS
            for role in PRINCIPALS
            if not RELATIONS[name].whole
        )
    assert set(FAMILY) <= set(KINDS)

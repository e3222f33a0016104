"""Rules `priority` and `head-of-class`: who passes whom over, and who does not."""

from __future__ import annotations

from tests.chaos.sample import Writer, closed, made, two_waiting
from tests.chaos.verdict import said_by


def passed_over(writer: Writer, order: str = "priority") -> list[str]:
    return said_by("priority", writer, order)


def test_an_offer_to_the_less_urgent_one_passed_the_other_over() -> None:
    (said,) = passed_over(two_waiting().unit("A").offers(("e2", "A", "t1")))
    assert said.startswith("A was offered emergency:e2 (class 3) while emergency:e1 (class 1)")


def test_both_served_by_one_command_is_in_order_whoever_stands_first() -> None:
    writer = two_waiting().unit("A").unit("B").offers(("e2", "A", "t1"), ("e1", "B", "t2"))
    assert passed_over(writer) == []


def test_one_that_came_later_was_not_passed_over() -> None:
    writer = Writer().unit("A").queued("e2", 3).offers(("e2", "A", "t1")).queued("e1", 1)
    assert passed_over(writer) == []


def test_a_unit_without_the_skills_passes_nobody_over() -> None:
    writer = Writer().queued("e1", 1, "als").queued("e2", 3).unit("A", "bls")
    assert passed_over(writer.offers(("e2", "A", "t1"))) == []


def test_an_advanced_crew_suits_basic_needs() -> None:
    writer = two_waiting().unit("A", "als").offers(("e2", "A", "t1"))
    assert len(passed_over(writer)) == 1


def test_a_unit_that_refused_passes_nobody_over_until_the_round_is_over() -> None:
    writer = two_waiting().unit("A").offers(("e1", "A", "t1"))
    refused = closed("e1", "A", "t1", "declined")
    writer.write("dispatcher:city", refused, made("e2", "A", "t2"))
    assert passed_over(writer) == []
    again = {"type": "RoundRestarted", "emergency": "e1"}
    done = closed("e2", "A", "t2", "withdrawn")
    writer.write("dispatcher:city", done, again, made("e2", "A", "t3"))
    assert len(passed_over(writer)) == 1


def test_a_card_that_became_more_urgent_counts_from_then() -> None:
    writer = Writer().queued("e1", 3).queued("e2", 3)
    card = {"emergency": "e1", "priority": 1, "raised_at": 0.0, "needs": ["bls"]}
    writer.write("dispatcher:city", {"type": "EmergencyUpdated", "card": card})
    assert len(passed_over(writer.unit("A").offers(("e2", "A", "t1")))) == 1


def test_of_an_erased_patient_nobody_knows_who_suited() -> None:
    writer = Writer().queued("e2", 3)
    card = {"emergency": "e1", "priority": 1, "raised_at": 0.0, "needs": []}
    writer.write("dispatcher:city", {"type": "EmergencyQueued", "card": card})
    assert passed_over(writer.unit("A").offers(("e2", "A", "t1"))) == []


def test_first_come_first_served_is_held_to_age() -> None:
    writer = Writer().at(1).queued("e1", 3).at(2).queued("e2", 1).unit("A")
    writer.offers(("e2", "A", "t1"))
    assert passed_over(writer) == []
    assert len(passed_over(writer, "age")) == 1
    assert passed_over(writer, "none") == []


def test_what_a_human_holds_or_orders_and_what_the_policy_defers_is_not_passed_over() -> None:
    held = {"emergency": "e1", "priority": 1, "raised_at": 0.0, "needs": ["bls"], "held": True}
    wish = {"type": "OverrideOrdered", "emergency": "e2", "slot": 1, "wish": {"unit": "A"}}
    later = {"type": "EmergencyDeferred", "emergency": "e1", "slot": 1, "until": 500.0}
    for one in ({"type": "EmergencyUpdated", "card": held}, wish, later):
        writer = two_waiting().unit("A").write("dispatcher:city", one)
        assert passed_over(writer.offers(("e2", "A", "t1"))) == []


def test_a_unit_that_was_ordered_for_another_one_passes_it_over_only_itself() -> None:
    wish = {"type": "OverrideOrdered", "emergency": "e1", "slot": 1, "wish": {"unit": "B"}}
    writer = two_waiting().unit("A").write("dispatcher:city", wish)
    assert passed_over(writer.offers(("e2", "A", "t1"))) == []
    assert len(passed_over(writer.unit("B").offers(("e2", "B", "t2")))) == 1


def test_a_diversion_is_held_to_no_order() -> None:
    writer = two_waiting().unit("A", free=False)
    assert (
        passed_over(writer.write("dispatcher:city", {**made("e2", "A", "t1"), "diverts": "e9"}))
        == []
    )


def test_a_further_unit_waits_by_itself() -> None:
    writer = two_waiting().unit("A").unit("B").offers(("e1", "A", "t1"))
    card = {"emergency": "e1", "priority": 1, "raised_at": 0.0, "needs": ["bls"]}
    more = {"type": "EmergencyQueued", "card": card, "slot": 2}
    writer.write("dispatcher:city", more, made("e2", "B", "t2"))
    (said,) = passed_over(writer)
    assert "while emergency:e1#2 (class 1)" in said


def test_what_was_merged_waits_no_more_until_it_is_its_own_again() -> None:
    gone = {"type": "EmergencyRemoved", "emergency": "e1", "reason": "merged"}
    writer = two_waiting().unit("A").write("dispatcher:city", gone, made("e2", "A", "t1"))
    assert passed_over(writer) == []
    card = {"emergency": "e1", "priority": 1, "raised_at": 0.0, "needs": ["bls"]}
    back = {"type": "EmergencyQueued", "card": card}
    done = closed("e2", "A", "t1", "withdrawn")
    writer.write("dispatcher:city", back, done, made("e2", "A", "t2"))
    assert len(passed_over(writer)) == 1


def withdrawn(older: int = 3, *needs: str) -> Writer:
    """e1 of this class called first; e2, of class 3, had A until it was taken for e3."""
    writer = Writer().at(1).queued("e1", older, *needs).at(2).queued("e2", 3).unit("A")
    writer.offers(("e2", "A", "t1")).at(3).queued("e3", 1)
    return writer.taken("A", "e2", "t1", "e3", "t2").answered("e3", "A", "t2", "accepted").at(4)


def passed_the_withdrawn(writer: Writer, order: str = "priority") -> list[str]:
    return said_by("head-of-class", writer, order)


def test_whom_a_unit_was_taken_from_is_passed_over_by_one_of_its_class() -> None:
    writer = withdrawn().unit("B").offers(("e1", "B", "t3"))
    for order in ("priority", "none"):
        (said,) = passed_the_withdrawn(writer, order)
        assert said.startswith("B was offered emergency:e1 (class 3) while emergency:e2 (class 3)")
    assert passed_the_withdrawn(writer, "age") == [], "first come, first served"


def test_the_withdrawn_one_served_first_or_with_the_other_is_in_order() -> None:
    first = withdrawn().unit("B").offers(("e2", "B", "t3")).unit("C").offers(("e1", "C", "t4"))
    both = withdrawn().unit("B").unit("C").offers(("e1", "B", "t3"), ("e2", "C", "t4"))
    assert passed_the_withdrawn(first) == passed_the_withdrawn(both) == []


def test_one_of_another_class_does_not_pass_the_withdrawn_one_over() -> None:
    for class_ in (2, 4):
        writer = withdrawn(class_).unit("B").offers(("e1", "B", "t3"))
        assert passed_the_withdrawn(writer) == []


def test_one_that_a_unit_was_taken_from_too_may_come_first() -> None:
    writer = withdrawn().unit("B").offers(("e2", "B", "t3")).queued("e4", 1)
    writer.taken("B", "e2", "t3", "e4", "t4").unit("C").offers(("e1", "C", "t5"))
    assert len(passed_the_withdrawn(writer)) == 1
    other = withdrawn().unit("B").offers(("e1", "B", "t3"))
    before = len(passed_the_withdrawn(other))
    other.queued("e4", 1).taken("B", "e1", "t3", "e4", "t4").unit("C").offers(("e1", "C", "t5"))
    assert len(passed_the_withdrawn(other)) == before == 1


def test_a_unit_that_cannot_or_would_not_go_passes_the_withdrawn_one_not_over() -> None:
    writer = withdrawn(3, "rescue").unit("B", "rescue").offers(("e1", "B", "t3"))
    assert passed_the_withdrawn(writer) == []
    writer = withdrawn().unit("B").offers(("e2", "B", "t3"))
    refused = closed("e2", "B", "t3", "declined")
    writer.write("dispatcher:city", refused, made("e1", "B", "t4"))
    assert passed_the_withdrawn(writer) == []


def test_one_raised_by_age_does_not_pass_the_withdrawn_one_over() -> None:
    """e1 has waited for a quarter of an hour a second before e2 has."""
    writer = withdrawn().unit("B").at(901.5).offers(("e1", "B", "t3"))
    assert passed_the_withdrawn(writer) == []
    writer = withdrawn().unit("B").at(902).offers(("e1", "B", "t3"))
    assert len(passed_the_withdrawn(writer)) == 1


def test_what_a_human_orders_does_not_pass_the_withdrawn_one_over() -> None:
    wish = {"type": "OverrideOrdered", "emergency": "e1", "slot": 1, "wish": {"unit": "B"}}
    writer = withdrawn().unit("B").write("dispatcher:city", wish).offers(("e1", "B", "t3"))
    assert passed_the_withdrawn(writer) == []

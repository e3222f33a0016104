"""The dispatcher of a region: the table of its cases, and who may send it what.

It holds the region's emergencies that are not over and its units, and alone offers the one to the
other. What is wanted for an emergency is a case (case.py): waiting, offered, engaged,
done. A unit that was asked is reserved until its answer came, whatever happened to the emergency
meanwhile.

Commands, and who may send them
- EmergencyChanged, RemoveEmergency: emergencies. UnitChanged, OfferAnswered, TaskEnded,
  UnitDiverted, ReportShift: paramedics' entities. StationsChanged: the records. Never refused; what
  is stale is ignored.
- Wake: the runtime, when a round of refusals is to be forgotten, a human called again, or the
  policy asked again. PlanNow: who plays a scenario.
- OverrideAssignment: staff (desk.py). This unit is to go to that emergency.
- ViewDispatcher, ListSuggestions, ListDuplicates, ExplainCase: staff. Change nothing.

It never asks for a case again before the last unit's own entity has answered: that, and the
paramedic's entity deciding alone, is why no emergency ever has two crews unless two were ordered.
"""

from __future__ import annotations

from actors.domain.machine import NEW, Machine

MACHINE = Machine(
    "case",
    {
        (NEW, "EmergencyChanged"): "waiting",
        ("waiting", "OfferTask"): "offered",
        ("waiting", "DivertUnit"): "offered",
        ("offered", "OfferAnswered:accepted"): "engaged",
        **{
            ("offered", f"OfferAnswered:{outcome}"): "waiting"
            for outcome in ("declined", "expired", "withdrawn", "unavailable")
        },
        # To the case that it was diverted to, and from the one it left.
        ("offered", "UnitDiverted:accepted"): "engaged",
        **{(phase, "UnitDiverted:left"): "waiting" for phase in ("offered", "engaged")},
        # From offered too: the end of a task can overtake the word that it was accepted.
        **{
            (phase, f"TaskEnded:{outcome}"): target
            for phase in ("offered", "engaged")
            for outcome, target in (
                ("handed_back", "waiting"),
                ("withdrawn", "waiting"),
                ("completed", "done"),
                ("cancelled", "done"),
            )
        },
        # Of a further unit: it was stood down.
        **{
            (phase, f"EmergencyChanged:{word}" if word else "RemoveEmergency"): "removed"
            for word in ("stood_down", "")
            for phase in ("waiting", "offered", "engaged", "done")
        },
    },
)

"""What entities say to each other. Only `system` may send these; see the rooms' decide.py.

Delivery is at least once and mostly, but not always, in order. So no message here relies on
another having arrived first: each carries all its receiver needs (state transfer) and a number
that says how new it is. Old ones are ignored.

- The *emergency* tells its dispatcher its whole card with each change (`EmergencyChanged`,
  numbered by `revision`) and its end (`RemoveEmergency`).
- The *dispatcher* offers a task to a unit (`OfferTask`) and never offers that emergency again
  before that unit's entity has answered or ended the task. `attempt` numbers an emergency's
  offers; where several units are ordered, those of each `slot` by themselves.
- The *paramedic* answers each offer exactly one way (`OfferAnswered`), reports the end of what it
  accepted (`TaskEnded`), its own changes (`UnitChanged`), and tells the emergency of its crew
  (`AssignUnit`, `RecordProgress`, `ReleaseUnit`). Only the paramedic's entity decides whether an
  offer was accepted or expired: that is why no emergency ever has two crews.
- A *shift* announces itself to its unit shortly before it begins (`AnnounceShift`); the unit tells
  a hospital of its ambulance on the way there (`RecordAmbulance`), and the dispatcher of a shift
  that went wrong (`ReportShift`).

One file for each receiver: to_emergency.py, to_paramedic.py, to_dispatcher.py, to_hospital.py; the
signals are in telemetry.py; what several messages carry is in card.py and status.py.
"""

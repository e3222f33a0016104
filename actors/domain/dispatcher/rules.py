"""What an operator may tune of dispatching."""

from __future__ import annotations

from msgspec import Struct


class DispatchRules(Struct, frozen=True, forbid_unknown_fields=True):
    """What an operator may tune.

    `offer_ttl_s`: how long a crew may think; a device that does not answer in half a minute is
    not looked at, and every second of it is the patient's. `max_tries`: after so many crews that
    did not take it (and each so many more) a human is alerted: three lost half minutes are more
    than an urgent call has. `retry_s`: when every unit that could go has refused, they are asked
    again after this; shorter would only nag the same crews.

    `escalate_s`: an emergency that nobody has taken, once ops knows of it, is called again after
    each so many seconds, a level higher each time; None: never. A minute is what one desk needs to
    look, and no more than the next one up may lose.

    `on_scene_s`, `transport_s`, `handover_s`: what a task takes on average, for estimates of when
    a unit is free again: 20 minutes on scene and 30 at the hospital door are the usual planning
    figures of urban services, 12 minutes of driving between them. Only estimates hang on them.

    `plans_when_asked`: the policy is asked with PlanNow alone, not after each message: where many
    things happen in one moment, and the decision is to see all of them.

    `runners_up`: how many other units are noted with each choice; 0: choices are not noted.
    `moves_at_once`, `move_rest_s`: how many units of a region may be on their way to another
    station at a time, and how long each is left there: crews that are sent about all shift are
    worn out, and on no post at all.
    """

    offer_ttl_s: float = 30.0
    max_tries: int = 3
    retry_s: float = 20.0
    escalate_s: float | None = 60.0
    on_scene_s: float = 1200.0
    transport_s: float = 720.0
    handover_s: float = 1800.0
    runners_up: int = 3
    moves_at_once: int = 2
    move_rest_s: float = 1200.0
    plans_when_asked: bool = False

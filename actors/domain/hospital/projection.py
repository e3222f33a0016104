"""From a hospital to what is shown of it: views/hospital.py."""

from __future__ import annotations

from actors.domain.hospital.state import Hospital
from actors.domain.timestamp import rfc3339
from actors.domain.views.hospital import HospitalLoad, HospitalView


def hospital_view(state: Hospital, now: float) -> HospitalView:
    load = state.load
    return HospitalView(
        id=state.id,
        status=state.status,
        name=state.name,
        region=state.region,
        location=state.location,
        capabilities=state.capabilities,
        load=HospitalLoad(
            free_beds=load.free_beds,
            queue=load.queue,
            handover_s=load.handover_s,
            note=load.note,
            reported_at=rfc3339(load.at) if load.at else None,
            under_way=state.count("under_way"),
            at_handover=state.count("at_handover"),
            expected_wait_s=state.expected_wait_s(now),
        ),
        revision=state.revision,
    )

"""The doors of the service, each with the action of the access table that it asks for.

The one list of routes (the calls' and channels' are CALLS and CHANNELS in web/channels). A route
that is not in it is nobody's: gatekeeper.py answers 403 to everybody. What the action wants to know
of the thing (whose, on whose way) is asked by the handler, when it knows which thing it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

# Needs no token: health, the API's description, pages without data, the socket (which asks for the
# token itself), and how one comes by a token.
OPEN_DOOR: Final = "open"

DOORS: Final[Mapping[tuple[str, str], str]] = {
    # patients
    ("POST", "/api/patients"): "patient.create",
    ("GET", "/api/patients"): "patient.list",
    ("GET", "/api/patients/{patient_id}"): "patient.view",
    ("PUT", "/api/patients/{patient_id}"): "patient.update",
    ("DELETE", "/api/patients/{patient_id}"): "patient.delete",
    ("GET", "/api/patients/{patient_id}/history"): "patient.history",
    ("POST", "/api/patients/{patient_id}/emergency"): "emergency.raise",
    # break-glass
    ("POST", "/api/patients/{patient_id}/break-glass"): "patient.break_glass",
    ("DELETE", "/api/patients/{patient_id}/break-glass"): "patient.close_break_glass",
    ("GET", "/api/break-glass"): "break_glass.list",
    ("POST", "/api/break-glass/{break_glass_id}/review"): "break_glass.review",
    # families
    ("GET", "/api/patients/{patient_id}/family"): "family.list",
    ("POST", "/api/patients/{patient_id}/family"): "family.invite",
    ("GET", "/api/family"): "family.list_own",
    ("POST", "/api/family/children"): "family.create_child",
    ("POST", "/api/family/{link_id}/acceptance"): "family.accept",
    ("DELETE", "/api/family/{link_id}"): "family.end",
    # emergencies
    ("GET", "/api/emergencies"): "emergency.list",
    ("GET", "/api/emergencies/{emergency_id}"): "emergency.view",
    ("POST", "/api/emergencies/{emergency_id}/cancel"): "emergency.cancel",
    ("POST", "/api/emergencies/{emergency_id}/priority"): "emergency.override_priority",
    ("POST", "/api/emergencies/{emergency_id}/hold"): "emergency.hold",
    ("POST", "/api/emergencies/{emergency_id}/release"): "emergency.release",
    ("POST", "/api/emergencies/{emergency_id}/stage"): "emergency.stage",
    ("POST", "/api/emergencies/{emergency_id}/units"): "emergency.order_units",
    ("POST", "/api/emergencies/{emergency_id}/units/{slot}/stand-down"): "emergency.order_units",
    ("POST", "/api/emergencies/{emergency_id}/merge"): "emergency.merge",
    ("GET", "/api/emergencies/{emergency_id}/why"): "emergency.why",
    # the dispatch desk
    ("GET", "/api/dispatch/{region}"): "dispatcher.view",
    ("GET", "/api/dispatch/{region}/suggestions"): "dispatcher.view",
    ("GET", "/api/dispatch/{region}/duplicates"): "dispatcher.view",
    ("POST", "/api/dispatch/{region}/assignments"): "dispatcher.assign",
    ("GET", "/api/triage/questions"): "triage.view",
    # paramedics
    ("POST", "/api/paramedics"): "paramedic.register",
    ("GET", "/api/paramedics"): "paramedic.list",
    ("GET", "/api/paramedics/{paramedic_id}"): "paramedic.view",
    ("PUT", "/api/paramedics/{paramedic_id}"): "paramedic.update",
    ("DELETE", "/api/paramedics/{paramedic_id}"): "paramedic.retire",
    ("GET", "/api/paramedics/{paramedic_id}/tasks"): "task.list",
    # The body says which of the five; staff may hand back, and no more.
    ("POST", "/api/paramedics/{paramedic_id}/tasks/{task_id}"): "task.hand_back",
    ("POST", "/api/paramedics/{paramedic_id}/duty"): "paramedic.shift",
    ("GET", "/api/paramedics/{paramedic_id}/tasks/{task_id}/hospitals"): "hospital.suggest",
    # hospitals
    ("POST", "/api/hospitals"): "hospital.register",
    ("GET", "/api/hospitals"): "hospital.list",
    ("GET", "/api/hospitals/{hospital_id}"): "hospital.view",
    ("PUT", "/api/hospitals/{hospital_id}"): "hospital.update",
    ("PUT", "/api/hospitals/{hospital_id}/load"): "hospital.report_load",
    ("DELETE", "/api/hospitals/{hospital_id}"): "hospital.retire",
    # stations and shifts
    ("POST", "/api/stations"): "station.create",
    ("GET", "/api/stations"): "station.list",
    ("GET", "/api/stations/{station_id}"): "station.view",
    ("PUT", "/api/stations/{station_id}"): "station.update",
    ("DELETE", "/api/stations/{station_id}"): "station.delete",
    ("POST", "/api/shifts"): "shift.plan",
    ("GET", "/api/shifts"): "shift.list",
    ("GET", "/api/shifts/{shift_id}"): "shift.view",
    ("PUT", "/api/shifts/{shift_id}"): "shift.plan",
    ("DELETE", "/api/shifts/{shift_id}"): "shift.cancel",
    ("GET", "/api/roster/{region}"): "roster.view",
    # doctors
    ("POST", "/api/doctors"): "doctor.register",
    ("GET", "/api/doctors"): "doctor.list",
    ("GET", "/api/doctors/{doctor_id}"): "doctor.view",
    ("PUT", "/api/doctors/{doctor_id}"): "doctor.update",
    ("DELETE", "/api/doctors/{doctor_id}"): "doctor.retire",
    ("GET", "/api/doctors/{doctor_id}/availability"): "doctor.view_availability",
    ("PUT", "/api/doctors/{doctor_id}/availability"): "doctor.update",
    ("POST", "/api/doctors/{doctor_id}/duty"): "doctor.shift",
    # the audit trail
    ("GET", "/api/audit"): "audit.list",
    ("GET", "/api/patients/{patient_id}/access-log"): "patient.access_log",
    # accounts
    ("POST", "/api/accounts"): OPEN_DOOR,
    ("POST", "/api/accounts/verification"): OPEN_DOOR,
    ("POST", "/api/accounts/password-reset"): OPEN_DOOR,
    ("POST", "/api/accounts/password-reset/confirmation"): OPEN_DOOR,
    ("POST", "/api/accounts/email-change/confirmation"): OPEN_DOOR,
    ("POST", "/api/accounts/invitations/acceptance"): OPEN_DOOR,
    ("GET", "/api/accounts/me"): "account.own",
    ("POST", "/api/accounts/me/password"): "account.own",
    ("POST", "/api/accounts/me/email"): "account.own",
    ("POST", "/api/accounts/me/totp"): "account.own",
    ("POST", "/api/accounts/me/totp/confirmation"): "account.own",
    ("POST", "/api/accounts/me/totp/removal"): "account.own",
    ("POST", "/api/accounts/me/recovery-codes"): "account.own",
    ("POST", "/api/accounts/me/passkeys/options"): "account.own",
    ("POST", "/api/accounts/me/passkeys"): "account.own",
    ("GET", "/api/accounts/me/passkeys"): "account.own",
    ("POST", "/api/accounts/me/passkeys/{passkey_id}/removal"): "account.own",
    ("POST", "/api/accounts/invitations"): "account.invite",
    ("GET", "/api/accounts"): "account.list",
    ("GET", "/api/accounts/{account_id}"): "account.list",
    ("POST", "/api/accounts/{account_id}/disable"): "account.disable",
    ("POST", "/api/accounts/{account_id}/enable"): "account.disable",
    ("POST", "/api/accounts/{account_id}/totp-reset"): "account.disable",
    ("POST", "/api/sessions"): OPEN_DOOR,
    ("POST", "/api/sessions/second-factor"): OPEN_DOOR,
    ("POST", "/api/sessions/refresh"): OPEN_DOOR,
    ("POST", "/api/sessions/passkey/options"): OPEN_DOOR,
    ("POST", "/api/sessions/passkey"): OPEN_DOOR,
    ("GET", "/api/sessions"): "account.own",
    ("DELETE", "/api/sessions"): "account.own",
    ("DELETE", "/api/sessions/current"): "account.own",
    ("DELETE", "/api/sessions/{session_id}"): "account.own",
    ("GET", "/.well-known/jwks.json"): OPEN_DOOR,
    # tokens by hand
    ("POST", "/api/tokens"): "token.issue",
    # the service itself
    ("GET", "/metrics"): "metrics.view",
    ("GET", "/health/live"): OPEN_DOOR,
    ("GET", "/health/ready"): OPEN_DOOR,
    ("GET", "/asyncapi"): OPEN_DOOR,
    ("GET", "/schema"): OPEN_DOOR,
    ("GET", "/schema/openapi.json"): OPEN_DOOR,
    ("GET", "/schema/{path}"): OPEN_DOOR,
    ("GET", "/"): OPEN_DOOR,
    ("GET", "/ui/icon.svg"): OPEN_DOOR,
    ("GET", "/ui/page.css"): OPEN_DOOR,
    ("GET", "/ui/page.js"): OPEN_DOOR,
    ("GET", "/account"): OPEN_DOOR,
    ("GET", "/ui/account.js"): OPEN_DOOR,
    ("GET", "/ui/passkey.js"): OPEN_DOOR,
    ("GET", "/ui/board.js"): OPEN_DOOR,
    ("GET", "/ui/centrifuge.js"): OPEN_DOOR,
    ("GET", "/ui/map.js"): OPEN_DOOR,
    # sockets; every command on them is asked about by web/channels
    ("*", "/connection/websocket"): OPEN_DOOR,
    ("*", "/connection/http_stream"): OPEN_DOOR,
    ("*", "/connection/sse"): OPEN_DOOR,
    ("*", "/emulation"): OPEN_DOOR,
}

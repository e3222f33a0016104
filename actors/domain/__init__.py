"""The pure domain: ids, commands, events, state machines, triage, dispatch, access rules.

No await, no clock, no randomness, no I/O: `now` is an argument. Imports nothing of ours;
anything may import it except config and realtime.

A room for each kind of entity: `emergency/`, `paramedic/`, `dispatcher/`, `hospital/`, `doctor/`,
`shift/`, alike inside: machine.py (the table), state.py, commands.py, events.py, apply.py,
decide.py, behaviour.py; what is small stands together. `messages/` is what they say to each other,
`views/` what leaves the domain. `dispatch/` holds the policies that a dispatcher asks.
"""

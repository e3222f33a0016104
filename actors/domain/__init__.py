"""The pure domain: ids, commands, events, state machines, triage, dispatch, access rules.

No await, no clock, no randomness, no I/O: `now` is an argument. Imports nothing of ours;
anything may import it except config and realtime.
"""

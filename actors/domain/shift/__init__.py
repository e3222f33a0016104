"""The planned shift of one unit: the durable timer that brings the plan to its crew.

Its table is in machine.py, then state.py and decide.py; behaviour.py is what the runtime drives.
What the unit makes of its shifts is in paramedic/shift.py.
"""

"""The hospital: what it can do, whether it takes patients in, and its load.

Its table is in machine.py, then state.py, commands.py, events.py, decide.py; which hospitals a crew
is shown is in choice.py; projection.py says what is seen of it; behaviour.py is what the runtime
drives.
"""

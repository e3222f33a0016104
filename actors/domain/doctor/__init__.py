"""The doctor: on duty or not, and the requests that wait.

Its table is in machine.py, then state.py, commands.py, events.py, decide.py; publish.py and
projection.py say what is seen of it; behaviour.py is what the runtime drives.
"""

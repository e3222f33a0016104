"""Chaos: a whole day played at speed while processes are killed, and the judge of what is left.

`check_journal.py` is a program of its own: it and all it imports (journal.py, database.py,
ledger.py, rule.py, region.py and the rules) know nothing of the code under test.
`python -m tests.chaos` plays the day (playing.py), kills (killer.py) and asks it. See
docs/chaos.md.
"""

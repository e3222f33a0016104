"""What was: which facts a channel has had, who missed which, and how that is found out.

`stream.py` is where a channel stands, purely. `reader.py` reads the broker and the journal behind
it, shared by all who ask for the same; `recovery.py` brings a subscriber up to date while
publications go on; `positions.py` finds and fills holes, and checks; `archive.py` has pages for
those who leaf back.
"""

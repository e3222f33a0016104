"""What leaves the domain: public Structs, times as RFC 3339 text, a file for each kind of entity.

All answers and publications carry these, and nothing else does, so that who sees which field is
decided here. Health data (symptoms, answers, reasons) and phone numbers are only in the *Detail*
views, in the task a crew gets, and in its doctor's inbox; never on `emergency:`, `track:`,
`fleet:` or `ops:`. They are made by each room's projection.py.
"""

"""Who comes in: the doors and what each asks, who stands how to whom, and what happens when that
ends. The policy itself is pure and elsewhere: actors/domain/access.py.
"""

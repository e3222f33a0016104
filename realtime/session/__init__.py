"""One client: its protocol state, and the shell that performs what the state asks for.

`session.py` is pure (`commands.py`, `deadlines.py`, `membership.py`, `allowance.py` are parts of
it): commands in, effects (`effect.py`) out, outcomes (`outcome.py`) back in. `connection.py` is
the shell; what an effect does stands in `admission.py`, `joining.py`, `submission.py` and
`reading.py`, and `failure.py` words whatever goes wrong there. `services.py`: what connections
share.
"""

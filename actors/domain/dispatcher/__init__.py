"""The dispatcher: the aggregate that holds a region's queue and fleet, and asks units to go.

Not to be confused with its neighbour `dispatch/`: there are the pure policies, which say who should
go where in one situation; here is the entity that shows them its state, and makes offers of what
they propose.

Its table is in machine.py; what it knows in state.py, case.py and rules.py; what it is asked in
commands.py; what can happen to it in events.py, and how that changes it in apply*.py. A decision
(decide.py) takes a message in (intake*.py) or an order of the desk (desk.py), shows the policy what
there is (situation.py) and does what it proposes (plan.py, draft.py). publish.py and projection.py
say what is seen of it; behaviour.py is what the runtime drives.
"""

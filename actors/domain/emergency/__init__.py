"""The emergency: from the call for help to its end.

Its table is in machine.py; its state in state.py, and what the dispatch desk ordered in orders.py;
what it is asked in commands.py; what can happen to it in events.py, and how that changes it in
apply.py and apply_orders.py. decide.py decides, with desk.py for the desk, primary.py and
further.py for the crews, merge.py for other emergencies; what others hear of it is in
consequences.py. publish.py and projection.py say what is seen of it; behaviour.py is what the
runtime drives.
"""

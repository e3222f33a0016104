"""The paramedic: a unit with its crew, vehicle and device, and its queue of tasks.

Its table is in machine.py; its state in state.py, its shifts in shift.py; what it is asked in
commands.py; what can happen to it in events.py, and how that changes it in apply.py. decide.py
decides, with tasks.py for the crew's tasks, intake.py for messages and orders.py for a dispatcher's
orders; what others hear of it is in consequences.py, in the words of reports.py. position.py is
where it is; publish.py and projection.py say what is seen of it; behaviour.py is what the runtime
drives. A task has its table in domain/task.py.
"""

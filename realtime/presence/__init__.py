"""Who is on which channel: the port, where it is kept, and what this node tells of its clients.

`presence.py` is the port, `presence_memory.py` and `presence_redis.py` keep it; `attendance.py`
enters, renews and removes this node's clients, and announces who comes and goes.
"""

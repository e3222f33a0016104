"""Several nodes as one server: what they tell each other, and the connections that it concerns.

`control.py` has the messages and the port (`control_memory.py`; the Redis broker carries them
too), `nodes.py` knows who is there; `orders.py` carries orders out on this node's `register.py`.
"""

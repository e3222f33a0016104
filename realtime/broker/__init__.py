"""Where publications travel and streams are kept: in this process, or in one Redis or several.

`broker.py` is the port. `broker_memory.py` (`appended_memory.py`) serves one process.
`broker_redis.py` puts together `publisher_redis.py` (the writing side, alone enough for processes
without clients) and `pubsub_redis.py`; `shards_redis.py` (`sharding.py`) spreads channels over
several Redises, each with one `link_redis.py`, and `layout_redis.py` says what is called how
there. `epoch.py` names streams.
"""

"""Map channels: a value for each key, kept as a compacted log. Coming back costs keys, not changes.

`keyed.py` is the port to where they are kept, `keyed_memory.py` (`keyed_log.py`) and
`keyed_redis.py` keep them. `keyed_hub.py` says how clients read them and brings them to it:
`keyed_steps.py` (`keyed_snapshot.py`) answers, `keyed_view.py` is the node's copy, `keyed_sync.py`
keeps that true, `keyed_emission.py` pushes. `keyed_submission.py`: changes by clients.
"""

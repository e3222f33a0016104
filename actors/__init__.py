"""The virtual-actor runtime: entities in shards, router, group commit, placement, the Ray cluster.

`actors.domain` is the pure core; `cluster.py` is the only file of the project that imports ray.
May import config. Imported by storage (for its ports) and web.
"""

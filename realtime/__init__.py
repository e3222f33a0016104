"""A Centrifuge-protocol server as a library: sessions, hub, recovery, presence, brokers.

Payloads are opaque bytes; it knows nothing of medicine. May import config; imported by web.

An application embeds `node.py` (the server) and answers `ports.py`; `publication.py`,
`settings.py`, `errors.py`, `codes.py` and `metrics.py` are what the two say to each other. Inside,
from the socket to the store: `transport/`, `protocol/`, `session/`, `hub/`, `history/`, `maps/`,
`presence/`, `broker/`; `nodes/` makes several servers one, `standalone/` serves without an
application.
"""

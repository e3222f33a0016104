"""A Centrifuge-protocol server as a library: sessions, hub, recovery, presence, brokers.

Payloads are opaque bytes; it knows nothing of medicine. May import config; imported by web.
"""

"""The realtime server alone, configured by a namespace file: for other back ends than MaxRay's own.

`options.py` is the configuration file as types, `source.py` reads it, `channels.py` says which
options a channel has, `policy.py` and `authenticator.py` answer the realtime ports from them,
`tokens.py` verifies JSON Web Tokens with the published claims, `api.py` is the server HTTP API
(`api_requests.py`, `api_methods.py`), `engine.py` makes what it all runs on and `app.py` puts it
together. Imports nothing of the application; `web/cli/realtime.py` serves it.
"""

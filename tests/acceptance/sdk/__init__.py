"""The official SDKs against the stand-alone server (`maxray realtime`), as applications use them.

Each scenario is written once, for the interface in `sdk.py`, and runs on every SDK, wire format and
transport that can do it: Python (`sdk_python.py`) in this process, JavaScript (`sdk_javascript.py`)
in one Node process for the whole session. Nothing here knows what is inside the server.
"""

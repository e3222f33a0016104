"""How bytes come and go: WebSocket, HTTP streaming and SSE, and what waits for each socket.

`asgi.py` serves WebSockets under any ASGI server; `websocket.py` (`websocket_handshake.py`,
`websocket_frames.py`) takes the raw socket instead. `http_stream.py` and `sse.py` are answers that
go on (`http_session.py`), whose clients send by `emulation.py`. `outbox*.py`: the bounded queue of
one socket; `message.py`: what is put there, made once for all. `origin.py`, `negotiation.py`: who
may come, and in which format.
"""

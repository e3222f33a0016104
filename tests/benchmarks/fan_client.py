"""`python -m tests.benchmarks.fan_client KIND PORT SOCKETS ACK_FD`: the receiving side of B2.

Plain sockets and epoll, a few microseconds for each read, so that the server is what is measured.
It counts payloads by their mark and says on ACK_FD how many there were. Ends with its stdin.
"""

from __future__ import annotations

import select
import socket
import struct
import sys

from tests.benchmarks.device import masked
from tests.benchmarks.fan_server import MARK

PATHS = {
    "maxray": "/connection/websocket",
    "channels": "/bench",
    "socketio": "/socket.io/?EIO=4&transport=websocket",
}
HELLO = {
    "maxray": (b'{"id":1,"connect":{"token":"ann"}}\n{"id":2,"subscribe":{"channel":"bench"}}',),
    "socketio": (b"40",),
}


def connect(kind: str, port: int) -> socket.socket:
    sock = socket.create_connection(("127.0.0.1", port))
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.sendall(
        f"GET {PATHS.get(kind, '/')} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\n"
        "Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
        "Sec-WebSocket-Version: 13\r\n\r\n".encode()
    )
    head = b""
    while b"\r\n\r\n" not in head:
        head += sock.recv(4096)
    if b" 101 " not in head:
        raise ConnectionError(head.decode())
    for text in HELLO.get(kind, ()):
        sock.sendall(masked(text))
    sock.setblocking(False)
    return sock


def main(kind: str, port: int, count: int, ack_fd: int) -> None:
    acks = socket.socket(fileno=ack_fd)
    sockets = {sock.fileno(): sock for sock in (connect(kind, port) for _ in range(count))}
    poll = select.epoll()
    for fd in sockets:
        poll.register(fd, select.EPOLLIN)
    poll.register(sys.stdin.fileno(), select.EPOLLIN)
    print("connected", flush=True)
    buffer = bytearray(1 << 18)
    view = memoryview(buffer)
    delivered = 0
    while True:
        before = delivered
        for fd, _ in poll.poll():
            if fd not in sockets:
                return
            size = sockets[fd].recv_into(view)
            if not size:
                raise ConnectionError("the server has closed a socket")
            delivered += buffer.count(MARK, 0, size)
        if delivered != before:
            acks.sendall(struct.pack("<Q", delivered))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]))

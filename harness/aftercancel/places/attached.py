"""A container's streams, as the daemon carries them over one connection.

Output comes in frames (Docker Engine API, "Attach to a container", stream format): one byte for
the stream, three of nothing, four for the length. Input goes as it is.
"""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from collections.abc import Callable
from typing import Any

from aftercancel.places.daemon import Daemon

_HEADER = struct.Struct(">BxxxL")
_KEEP_ALIVE_S = 10
"""A remote daemon whose machine was switched off says nothing; TCP finds it out (tcp(7))."""
_CLOSED = (OSError, ValueError, AttributeError)
"""What reading says when the other thread has closed the stream, by the kind of connection."""
Line = Callable[[bytes], None]


class Attached:
    """The input and the outputs of one container."""

    def __init__(self, daemon: Daemon, container: str) -> None:
        """Attach to a container that has not started yet, so that nothing of it is missed."""
        wanted = {"stdin": 1, "stdout": 1, "stderr": 1, "stream": 1}
        self._stream: Any = daemon.api.attach_socket(container, params=wanted)
        # An HTTP answer's raw stream has the connection inside; TLS and ssh give it themselves.
        self._connection: Any = getattr(self._stream, "_sock", self._stream)
        self._response: Any = getattr(self._stream, "_response", None)
        self._sending = threading.Lock()
        _keep_alive(self._connection)

    def send(self, data: bytes) -> None:
        """Raises ``OSError`` where the connection is gone."""
        with self._sending:
            self._connection.sendall(data)

    def listen(self, output: Line, error: Line) -> None:
        """Hand on whole lines until the end of the stream, however it ends."""
        rest = {1: b"", 2: b""}
        lines = {1: output, 2: error}
        with contextlib.suppress(*_CLOSED):
            while header := self._exactly(_HEADER.size):
                kind, length = _HEADER.unpack(header)
                data = self._exactly(length)
                if kind not in lines:
                    continue
                *whole, rest[kind] = (rest[kind] + data).split(b"\n")
                for line in whole:
                    lines[kind](line + b"\n")
        for kind, data in rest.items():
            if data:
                lines[kind](data)

    def close(self) -> None:
        """The container's input is at its end then (StdinOnce)."""
        with contextlib.suppress(*_CLOSED):
            self._connection.shutdown(socket.SHUT_RDWR)
        for each in (self._connection, self._stream, self._response):
            with contextlib.suppress(*_CLOSED):
                each.close()

    def _exactly(self, length: int) -> bytes:
        """So many bytes; fewer, and so none, at the end."""
        parts = bytearray()
        while len(parts) < length:
            part = self._connection.recv(length - len(parts))
            if not part:
                return b""
            parts += part
        return bytes(parts)


def _keep_alive(connection: Any) -> None:
    if getattr(connection, "family", None) not in (socket.AF_INET, socket.AF_INET6):
        return
    for level, option, value in (
        (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
        (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, _KEEP_ALIVE_S),
        (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, _KEEP_ALIVE_S),
        (socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 3),
    ):
        with contextlib.suppress(OSError, AttributeError):
            connection.setsockopt(level, option, value)

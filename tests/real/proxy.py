"""A way to the real Docker daemon that can be cut: TCP in front of its unix socket."""

from __future__ import annotations

import contextlib
import os
import socket
import threading
from typing import Self

import pytest


def socket_of_daemon() -> str:
    """The path of the daemon's own socket; skips where it is reached in another way."""
    scheme, _, path = os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock").partition("://")
    if scheme != "unix":
        pytest.skip(f"the daemon is reached by {scheme}, and this needs its unix socket")
    return path


class Proxy:
    """Listens on a free port of 127.0.0.1 while entered."""

    def __init__(self, target: str) -> None:
        self._target = target
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._open: set[socket.socket] = set()
        self._is_cut = False

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *error: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.cut()

    def cut(self) -> None:
        """End every connection, and take no further one."""
        self._is_cut = True
        for each in list(self._open):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def mend(self) -> None:
        self._is_cut = False

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                if self._is_cut:
                    client.close()
                    continue
                server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
                server.connect(self._target)
                self._open |= {client, server}
                both = threading.Barrier(2)
                for source, target in ((client, server), (server, client)):
                    threading.Thread(
                        target=self._carry, args=(source, target, both), daemon=True
                    ).start()

    def _carry(self, source: socket.socket, target: socket.socket, both: threading.Barrier) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65_536):
                target.sendall(data)
        with contextlib.suppress(OSError):
            target.shutdown(socket.SHUT_WR)
        # Closed when nobody reads from it any more, or its number would be somebody else's.
        both.wait()
        with contextlib.suppress(OSError):
            source.close()
        self._open.discard(source)

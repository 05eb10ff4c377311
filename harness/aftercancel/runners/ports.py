"""Ports of 127.0.0.1 that a runner's own server is to listen on."""

from __future__ import annotations

import socket

from aftercancel.errors import RunnerError


def refuse_taken(port: int, whose: str) -> None:
    """Raise where somebody listens there: some servers notice it late, or answer never."""
    with socket.socket() as listener:
        # What a server left that has ended (TIME_WAIT) hinders nobody (socket(7)).
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("127.0.0.1", port))
        except OSError as error:
            raise RunnerError(
                f"{whose} cannot listen on port {port} of 127.0.0.1: {error.strerror}."
            ) from error


def listens(port: int) -> bool:
    """Whether somebody takes connections there."""
    with socket.socket() as client:
        client.settimeout(1.0)
        return client.connect_ex(("127.0.0.1", port)) == 0

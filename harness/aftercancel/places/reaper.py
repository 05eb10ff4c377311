"""``python -m aftercancel.places.reaper``: outlives a run, and removes what it made with Docker.

It is started before anything is made, in a session of its own. Whoever makes something for the
run (the process in front, the workers) holds a connection to it. When the last one is gone,
however that came, everything with the run's label is removed, and then the reaper ends. A client
that leaves in order says ``bye`` first; one that was killed does not, and then the daemon may
still be busy with what it asked for, so that is waited for.

The idea is Ryuk's (github.com/testcontainers/moby-ryuk), which runs in a container of its own;
this one is a process, so that no image of it is needed.
"""

from __future__ import annotations

import os
import selectors
import signal
import socket
import struct
import sys
from dataclasses import dataclass, field

from aftercancel.places import reaping
from aftercancel.places.daemon import Daemon
from aftercancel.places.labels import RUN

BYE = b"bye\n"
IMAGE = b"image "
_MOST = 4096
_PEER = struct.Struct("3i")
"""Process, user and group of who connected (unix(7), SO_PEERCRED)."""


@dataclass(slots=True)
class Clients:
    """Who is connected, and what they said."""

    open: set[socket.socket] = field(default_factory=set)
    said: dict[socket.socket, bytes] = field(default_factory=dict)
    killed: bool = False
    """Whether anybody went without a goodbye."""
    images: list[str] = field(default_factory=list)
    """Images that are to go with the run."""

    def came(self, client: socket.socket) -> None:
        self.open.add(client)
        self.said[client] = b""

    def heard(self, client: socket.socket) -> bool:
        """Take what it says; returns whether it is still there."""
        try:
            data = client.recv(_MOST)
        except OSError:
            data = b""
        self.said[client] += data
        if data:
            return True
        words = self.said.pop(client)
        self.open.discard(client)
        self.killed |= not words.endswith(BYE)
        lines = words.splitlines()
        self.images += [
            line.removeprefix(IMAGE).decode() for line in lines if line.startswith(IMAGE)
        ]
        return False


def wait_for_all_to_go(listener: socket.socket, first: socket.socket) -> Clients:
    """Until no client is connected any more."""
    clients = Clients()
    with selectors.DefaultSelector() as selector:
        selector.register(listener, selectors.EVENT_READ)
        clients.came(first)
        selector.register(first, selectors.EVENT_READ)
        while clients.open:
            for key, _ in selector.select():
                if key.fileobj is listener:
                    client, _ = listener.accept()
                    if _is_ours(client):
                        clients.came(client)
                        selector.register(client, selectors.EVENT_READ)
                    else:
                        client.close()
                    continue
                assert isinstance(key.fileobj, socket.socket)
                if not clients.heard(key.fileobj):
                    selector.unregister(key.fileobj)
                    key.fileobj.close()
    return clients


def _is_ours(client: socket.socket) -> bool:
    """An abstract address has no permissions: anybody may connect, and would keep us waiting."""
    said = client.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _PEER.size)
    return bool(_PEER.unpack(said)[1] == os.geteuid())


def main() -> int:
    """Arguments: the run, the descriptors of the listening socket and of the first client."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
        signal.signal(number, signal.SIG_IGN)
    # Now, while nobody waits for us, and not when everybody does.
    import docker  # noqa: F401

    run, listening, first = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    with socket.socket(fileno=listening) as listener:
        clients = wait_for_all_to_go(listener, socket.socket(fileno=first))
    patience = reaping.KILLED if clients.killed else reaping.ORDERLY
    left = reaping.reap(Daemon.connect, {"label": f"{RUN}={run}"}, patience, clients.images)
    return 1 if left else 0


if __name__ == "__main__":
    sys.exit(main())

"""A client's side of the reaper: start it, hold on to it, say goodbye."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from aftercancel.errors import CouldNotTell
from aftercancel.places.daemon import Address
from aftercancel.places.labels import Labels
from aftercancel.places.reaper import BYE, IMAGE

_END_S = 20.0
"""How long we wait for it; where the daemon is away it goes on trying without us."""


class Hold:
    """A connection that keeps the reaper from reaping."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection

    def remove_image(self, image: str) -> None:
        """Have this image removed with the run."""
        with contextlib.suppress(OSError):
            self._connection.sendall(IMAGE + image.encode() + b"\n")

    def let_go(self) -> None:
        """In order: everything that was asked of the daemon has been answered."""
        with contextlib.suppress(OSError):
            self._connection.sendall(BYE)
        self._connection.close()


@contextlib.contextmanager
def started(
    labels: Labels, address: Address, environ: Mapping[str, str]
) -> Iterator[tuple[Hold, str]]:
    """Start the run's reaper; yields our hold on it, and the name by which others get theirs.

    At the end it is waited for: when we are back, what the run made is gone, or the daemon away.
    """
    name = f"aftercancel-{labels.run}"
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM))
        # An abstract name (unix(7)): no file that a kill could leave.
        listener.bind(f"\0{name}")
        listener.listen(128)
        ours, theirs = socket.socketpair()
        stack.enter_context(theirs)
        process = subprocess.Popen(
            [
                *(sys.executable, "-P", "-m", "aftercancel.places.reaper"),
                *(labels.run, str(listener.fileno()), str(theirs.fileno())),
            ],
            env=_environment(address, environ),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=(listener.fileno(), theirs.fileno()),
            # Whatever ends us and our group, by ^C or by a kill, does not end it.
            start_new_session=True,
            cwd="/",
        )
    hold = Hold(ours)
    try:
        yield hold, name
        hold.let_go()
    except BaseException:
        # Something may have been asked of the daemon that we have no answer to.
        ours.close()
        raise
    finally:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_END_S)


@contextlib.contextmanager
def held(name: str) -> Iterator[Hold]:
    """Another process's hold on a reaper; raises ``CouldNotTell`` where it has gone."""
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        connection.connect(f"\0{name}")
    except OSError as error:
        connection.close()
        raise CouldNotTell(
            f"The process that tidies up after this run is gone ({error.strerror}), so nothing "
            "more is started. What was measured is kept; start the run again."
        ) from error
    hold = Hold(connection)
    try:
        yield hold
    except BaseException:
        connection.close()
        raise
    hold.let_go()


def _environment(address: Address, environ: Mapping[str, str]) -> dict[str, str]:
    """The same daemon, whatever context may be chosen meanwhile."""
    found = {**environ, "PYTHONPATH": os.pathsep.join(_paths(environ))}
    if address.tls is None or "DOCKER_HOST" in environ:
        found["DOCKER_HOST"] = address.url
    return found


def _paths(environ: Mapping[str, str]) -> list[str]:
    """Where our package is, for a process that starts in another folder."""
    here = str(Path(__file__).parents[2])
    return [here, *filter(None, environ.get("PYTHONPATH", "").split(os.pathsep))]

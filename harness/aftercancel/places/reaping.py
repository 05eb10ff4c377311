"""Removing what runs left with a Docker daemon: containers, volumes, networks, images."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Any, assert_never

from aftercancel.errors import AftercancelError
from aftercancel.places.daemon import Daemon
from aftercancel.places.labels import CLIENT, RUN


class Kind(Enum):
    """What can be left, in the order in which it must go: a volume in use cannot be removed."""

    CONTAINER = "container"
    VOLUME = "volume"
    NETWORK = "network"
    IMAGE = "image"


@dataclass(frozen=True, slots=True)
class Left:
    """One thing that is there."""

    kind: Kind
    id: str
    name: str
    run: str
    client: str
    """Who it was made for; empty where nothing says so."""
    running: bool = False


def look(daemon: Daemon, selection: dict[str, str]) -> Iterator[Left]:
    """Everything with these labels; raises ``DaemonError``."""
    api = daemon.api
    with daemon.doing("listing what runs have left"):
        for each in api.containers(all=True, filters=selection):
            name = each["Names"][0].lstrip("/") if each.get("Names") else each["Id"][:12]
            running = each["State"] not in ("created", "exited", "dead")
            yield _left(Kind.CONTAINER, each["Id"], name, each, running=running)
        for each in api.volumes(filters=selection).get("Volumes") or ():
            yield _left(Kind.VOLUME, each["Name"], each["Name"], each)
        for each in api.networks(filters=selection):
            yield _left(Kind.NETWORK, each["Id"], each["Name"], each)


def _left(kind: Kind, key: str, name: str, found: Any, *, running: bool = False) -> Left:
    labels = found.get("Labels") or {}
    return Left(kind, key, name, labels.get(RUN, ""), labels.get(CLIENT, ""), running)


def remove(daemon: Daemon, left: Left) -> str | None:
    """Remove it; returns why it cannot be yet, None where it is gone. Raises ``DaemonError``."""
    from docker.errors import APIError, NotFound

    with daemon.doing(f"removing {left.kind.value} {left.name}"):
        try:
            _remove(daemon, left)
        except NotFound:
            return None
        except APIError as error:
            # In use, or being removed already.
            if error.response is not None and error.response.status_code == 409:
                return str(error.explanation)
            raise
    return None


def _remove(daemon: Daemon, left: Left) -> None:
    match left.kind:
        case Kind.CONTAINER:
            daemon.api.remove_container(left.id, force=True, v=True)
        case Kind.VOLUME:
            daemon.api.remove_volume(left.id)
        case Kind.NETWORK:
            daemon.api.remove_network(left.id)
        case Kind.IMAGE:
            daemon.api.remove_image(left.id, force=True)
        case _:
            assert_never(left.kind)


@dataclass(frozen=True, slots=True)
class Patience:
    """How long what is removed may take, in seconds."""

    running_s: float
    """A container that runs is left so long to end by itself: it tidies up what is the kernel's."""
    quiet_s: float
    """Nothing must be seen for so long: the daemon may still be making what it was asked for."""
    deadline_s: float = 300.0
    poll_s: float = 0.2


ORDERLY = Patience(running_s=20.0, quiet_s=0.0)
"""Everybody has said goodbye, and so has had the daemon's answers to all that was asked."""
KILLED = Patience(running_s=15.0, quiet_s=5.0)
"""Somebody was killed, perhaps in the middle of asking."""


def reap(
    connect: Callable[[], Daemon],
    selection: dict[str, str],
    patience: Patience,
    images: Iterable[str] = (),
) -> tuple[Left, ...]:
    """Remove everything with these labels, again and again; returns what is left after all.

    The daemon may be away for a while: it is asked again until the deadline.
    """
    began = last_seen = time.monotonic()
    waiting = [Left(Kind.IMAGE, each, each, "", "") for each in images]
    seen: tuple[Left, ...] = ()
    while time.monotonic() < began + patience.deadline_s:
        try:
            with connect() as daemon:
                while time.monotonic() < began + patience.deadline_s:
                    seen = tuple(look(daemon, selection))
                    if seen:
                        last_seen = time.monotonic()
                        may_kill = last_seen >= began + patience.running_s
                        for left in seen:
                            if may_kill or not left.running:
                                remove(daemon, left)
                    elif time.monotonic() >= last_seen + patience.quiet_s:
                        for left in waiting:
                            remove(daemon, left)
                        return ()
                    time.sleep(patience.poll_s)
        except AftercancelError:
            time.sleep(1.0)
    return seen

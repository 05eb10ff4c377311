"""One build of an image by the daemon, heard line by line, its failures in words.

The daemon's own builder, over its API (docs.docker.com/reference/api/engine, "Build an image"): it
is wherever a daemon is, needs no docker command on this machine, and works over any ``DOCKER_HOST``.
So the Dockerfiles use nothing of BuildKit's own.
"""

from __future__ import annotations

import json
import re
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from aftercancel.errors import ImageError
from aftercancel.images import context
from aftercancel.places.daemon import Daemon
from aftercancel.places.image import Tell

BUILDING = "aftercancel.building"
"""``yes`` on a container of a build's step. The daemon removes these, also when we are killed; not
where that happens between making one and starting it (Docker 20.10)."""
_LAST_LINES = 15
_LAST_FROM = re.compile(r"^FROM .*$(?![\s\S]*^FROM )", re.MULTILINE)
_STEP = re.compile(r"Step (\d+)/(\d+) : (.*)")
_TOLD = ("FROM", "COPY", "RUN")
"""The steps that take time."""
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")
_NO_NETWORK = re.compile(
    r"Temporary failure (in name resolution|resolving)|[Cc]ould not resolve|Could not connect to"
    r"|Unable to connect to|Network is unreachable|[Nn]ame or service not known|bad address"
    r"|No route to host|DNS lookup error",
)
"""What apt, pip, apk and dnf say where a build's network leads nowhere."""
_FULL = re.compile(r"[Nn]o space left on device|not enough free space|Disk quota exceeded")
_APT = re.compile(r"^(E: .*)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be built."""

    image: str
    """Its id among the lab's images, for people."""
    name: str
    """With its tag."""
    files: Mapping[str, bytes]
    """The context: by path; a Dockerfile is among them."""
    folders: tuple[str, ...] = ()
    """What the context must have, even if nothing is in it."""
    arguments: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    network: str | None = None
    """Of its RUN steps. None: as the daemon does, and if that leads nowhere, the daemon's host's."""
    fresh: bool = False
    """Without what the daemon remembers of earlier builds."""


class _NetworkError(ImageError):
    """The build's network leads nowhere."""


def build(daemon: Daemon, order: Order, tell: Tell) -> str:
    """Build it; returns the image's id. Raises ``ImageError``, or ``DaemonError`` of the daemon's."""
    if order.network is not None:
        return _build(daemon, order, order.network, tell)
    try:
        return _build(daemon, order, None, tell)
    except _NetworkError:
        tell(
            f"{order.image}: the build's own network leads nowhere; once more with the network of "
            "the daemon's machine (--network host)."
        )
        return _build(daemon, order, "host", tell)


def _build(daemon: Daemon, order: Order, network: str | None, tell: Tell) -> str:
    with daemon.doing(f"building the image {order.name}"):
        lines = daemon.api.build(
            fileobj=context.packed(_labelled(order), order.folders),
            custom_context=True,
            tag=order.name,
            buildargs=dict(order.arguments),
            network_mode=network,
            nocache=order.fresh,
            rm=True,
            forcerm=True,
            decode=True,
            timeout=None,  # A step may say nothing for minutes.
        )
        return _heard(order, lines, tell)


def _labelled(order: Order) -> Mapping[str, bytes]:
    """The labels in one step: of those that the API is given, this builder makes a step each.

    Until that step the last stage has another, which its steps' containers carry too.
    """
    labels = {**order.labels, BUILDING: ""}
    pairs = " ".join(f"{json.dumps(k)}={_quoted(v)}" for k, v in sorted(labels.items()))
    text = order.files["Dockerfile"].decode()
    begun = _LAST_FROM.sub(rf"\g<0>\nLABEL {BUILDING}=yes", text)
    return {**order.files, "Dockerfile": f"{begun}\nLABEL {pairs}\n".encode()}


def _quoted(value: str) -> str:
    """As a Dockerfile has it: a dollar sign would name a variable."""
    return json.dumps(value, ensure_ascii=False).replace("$", "\\$")


def _heard(order: Order, lines: Iterable[Mapping[str, Any]], tell: Tell) -> str:
    last: deque[str] = deque(maxlen=_LAST_LINES)
    of_network: list[str] = []
    step = made = error = ""
    for line in lines:  # To the end in any case: the connection can be used again then.
        error = str(line.get("error", error))
        made = str((line.get("aux") or {}).get("ID", made))
        for said in _COLOURS.sub("", str(line.get("stream", ""))).splitlines():
            if found := _STEP.match(said):
                step = found[3]
                of_network.clear()
                last.clear()
                if step.startswith(_TOLD):
                    tell(
                        f"{order.image}: step {found[1]} of {found[2]}: {' '.join(step.split())[:80]}"
                    )
            if said.strip():
                last.append(said.rstrip())
            # What a step failed of may stand far above its last words.
            if not of_network and _NO_NETWORK.search(said):
                of_network.append(said.strip())
    if error or not made:
        why = error or "The daemon stopped telling before it was done."
        raise _failed(order, step, [*of_network, *last, why])
    return made


def _failed(order: Order, step: str, lines: list[str]) -> ImageError:
    words = "\n".join(f"    {line[:200]}" for line in lines)
    at = f"The image {order.name} could not be built; the step was: {step[:120] or 'none yet'}.\n"
    text = "\n".join(lines)
    if _FULL.search(text):
        return ImageError(
            f"{at}The disk of the Docker daemon's machine is full. `docker system df` shows what "
            "takes the room, `docker system prune` frees some; then build it again."
        )
    if _NO_NETWORK.search(text):
        return _NetworkError(
            f"{at}Its network led nowhere; the last words:\n{words}\n"
            "Look whether the daemon's machine reaches its package mirrors; `aftercancel images "
            "build --network host` uses that machine's own network."
        )
    if apt := _APT.findall(text):
        return ImageError(
            f"{at}apt failed: {apt[-1]}\nThe last words:\n{words}\n"
            "A mirror that is being updated comes right within minutes: build it again."
        )
    return ImageError(f"{at}The last words:\n{words}")

"""Docker's engine in a sandbox: dockerd, which starts its own containerd.

Its only image is the sandbox's own file system, so that a container has the same shells: an image
with empty layers is loaded, and the folders of the layers (the API names them) are then mounted
over those. Needs the storage driver overlay2, as the sandbox itself needs overlayfs.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import socket
import time
from collections.abc import Iterator
from functools import cache
from typing import NoReturn

from aftercancel.executor import linux
from aftercancel.executor.engine_processes import PATH, EngineError, become, last_words, spawn

IMAGE = "lab"
"""The image's name."""
LAYERS = 3
"""How many it has."""
DATA = "/var/lib/docker"
"""A tmpfs: the storage driver's layers cannot lie on an overlay (overlayfs.rst, "upperdir")."""
BELOW_IMAGE = tuple(f"{DATA}/lower-{number}" for number in range(LAYERS))
"""Where it finds the layers of its image, the lowest first."""
SOCKET = "/run/docker.sock"
RUNNING = frozenset({SOCKET, "/run/containerd/", "/run/docker/"})
"""What it has below /run: shims have their sockets there, whatever containerd is told."""
_PID = f"{DATA}/pid"
_UP_S = 20.0
_ANSWER_S = 20.0
_STEP_S = 0.01
_SHUTDOWN_S = 25.0
"""dockerd gives containers 10 s and itself 15 (dockerd(8), ``--shutdown-timeout``)."""
_DOCKERD = (
    "dockerd",
    *("--data-root", f"{DATA}/data"),
    *("--exec-root", f"{DATA}/run"),
    *("--pidfile", _PID),
    *("--host", f"unix://{SOCKET}"),
    # Neither the machine's daemon.json nor its network: a container needs none here.
    *("--config-file", f"{DATA}/daemon.json"),
    "--bridge=none",
    "--iptables=false",
    *("--storage-driver", "overlay2"),
    *("--group", "ci"),
)


def start() -> None:
    """Until it is up and has its image of what is seen at ``BELOW_IMAGE``.

    Raises ``EngineError`` or ``OSError``.
    """
    with open(f"{DATA}/daemon.json", "wb") as file:
        file.write(b"{}\n")
    _await_up(spawn(_become_dockerd))
    _ask("POST", "/images/load", image())
    for folder, layer in zip(_folders(), BELOW_IMAGE, strict=True):
        linux.bind_read_only(layer, folder)


def restart() -> None:
    """As a service manager restarts it: TERM to dockerd alone, and a new one when that has ended.

    docker.service of docker.io and docker-ce has KillMode=process.
    """
    with open(_PID, "rb") as file:
        old = int(file.read())
    watch = os.pidfd_open(old)
    signal.pidfd_send_signal(watch, signal.SIGTERM)
    # By a process that waits and then becomes the new dockerd: PID 1 has others to serve.
    spawn(lambda: _become_the_next(watch))
    os.close(watch)


def _become_the_next(watch: int) -> NoReturn:
    poll = select.poll()
    poll.register(watch, select.POLLIN)
    poll.poll(_SHUTDOWN_S * 1000)
    _become_dockerd()


def _become_dockerd() -> NoReturn:
    become(_DOCKERD, DATA)


def _await_up(daemon: int) -> None:
    until = time.monotonic() + _UP_S
    while True:
        with contextlib.suppress(OSError, EngineError):
            _ask("GET", "/_ping")
            return
        ended, _ = os.waitpid(daemon, os.WNOHANG)
        if ended or time.monotonic() > until:
            why = "ended" if ended else f"was not up within {_UP_S:.0f} s"
            raise EngineError(f"dockerd {why}; its last words: {last_words(DATA)}")
        time.sleep(_STEP_S)


def _folders() -> Iterator[str]:
    """The image's layers on the disk, the lowest first (the API's GraphDriver of an image)."""
    data = json.loads(_ask("GET", f"/images/{IMAGE}/json"))["GraphDriver"]["Data"]
    yield from reversed(data.get("LowerDir", "").split(":") if data.get("LowerDir") else [])
    yield data["UpperDir"]


def _ask(method: str, path: str, body: bytes = b"") -> bytes:
    """One request to the engine; in HTTP/1.0 the answer ends with the connection."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(_ANSWER_S)
        connection.connect(SOCKET)
        head = f"{method} {path} HTTP/1.0\r\nHost: docker\r\nContent-Length: {len(body)}\r\n"
        connection.sendall(f"{head}Content-Type: application/x-tar\r\n\r\n".encode() + body)
        parts = []
        while part := connection.recv(65_536):
            parts.append(part)
    answer, _, content = b"".join(parts).partition(b"\r\n\r\n")
    words = answer.split(None, 2)
    if len(words) < 2 or not words[1].startswith(b"2"):
        said = (content or answer).decode("utf-8", "replace").strip()
        raise EngineError(f"dockerd answered {method} {path}: {said}")
    return content


@cache
def image() -> bytes:
    """The image: so many layers, each with nothing but a file that tells it from the others.

    As ``docker save`` writes it (moby's image/spec/v1.2.md): a configuration, a layer each. To be
    called once before sandboxes are forked, in which there is nothing to import from.
    """
    import hashlib

    packed = [_tar({f".layer-{number}": b""}) for number in range(LAYERS)]
    config = json.dumps(
        {
            "architecture": _ARCHITECTURES.get(os.uname().machine, os.uname().machine),
            "os": "linux",
            "config": {"Env": [f"PATH={PATH}"]},
            "rootfs": {
                "type": "layers",
                "diff_ids": [f"sha256:{hashlib.sha256(layer).hexdigest()}" for layer in packed],
            },
        }
    ).encode()
    names = [f"{number}.tar" for number in range(LAYERS)]
    manifest = [{"Config": "config.json", "RepoTags": [f"{IMAGE}:latest"], "Layers": names}]
    files = {"config.json": config, "manifest.json": json.dumps(manifest).encode()}
    return _tar(files | dict(zip(names, packed, strict=True)))


_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
"""As Go, and so an image's configuration, calls them."""


def _tar(files: dict[str, bytes]) -> bytes:
    import io
    import tarfile

    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for name, data in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    return packed.getvalue()

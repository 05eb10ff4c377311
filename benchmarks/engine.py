"""A container engine: the one that answers, else one of our own for as long as it is needed."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import docker
from docker.errors import DockerException

LABEL = "aftercancel"
_START_S = 30.0
_STOP_S = 30.0


class NoEngine(Exception):
    """There is none and none can be started; the message says why."""


@dataclass(frozen=True, slots=True)
class Engine:
    client: docker.DockerClient
    words: str
    """Which one it is."""


@contextlib.contextmanager
def engine() -> Iterator[Engine]:
    """Raises ``NoEngine``. Whatever has our label is removed at the end."""
    with contextlib.ExitStack() as stack:
        found = _answering()
        if found is None:
            found = stack.enter_context(_own())
        stack.callback(found.client.close)
        stack.callback(_remove_ours, found.client)
        yield found


def _answering() -> Engine | None:
    try:
        client = docker.from_env(timeout=120)
    except DockerException:
        return None
    try:
        version = client.version()["Version"]
    except (DockerException, OSError):
        client.close()
        return None
    return Engine(client, f"the engine that was running, {version}")


@contextlib.contextmanager
def _own() -> Iterator[Engine]:
    """A daemon with its data and socket in a folder of its own, and no network for anybody."""
    program = shutil.which("dockerd")
    if program is None:
        raise NoEngine("no container engine answers, and dockerd is not installed (docker.io)")
    if os.geteuid() != 0:
        raise NoEngine("no container engine answers, and only root can start one")
    with tempfile.TemporaryDirectory(prefix="aftercancel-engine-") as name:
        home = Path(name)
        socket = f"unix://{home}/socket"
        command = [
            # Should we be killed, it is told to end, and it stops what it runs.
            *("setpriv", "--pdeathsig", "TERM"),
            # The mounts that it leaves behind go with it.
            *("unshare", "--mount", program, "--host", socket),
            *("--data-root", f"{home}/data", "--exec-root", f"{home}/exec"),
            *("--pidfile", f"{home}/pid", "--bridge", "none"),
            *("--iptables=false", "--ip6tables=false"),
        ]
        with (home / "log").open("wb") as log:
            daemon = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
        try:
            client = _wait_for(socket, daemon, home / "log")
            yield Engine(client, f"a dockerd of our own, {client.version()['Version']}")
        finally:
            daemon.terminate()
            try:
                daemon.wait(_STOP_S)
            except subprocess.TimeoutExpired:
                daemon.kill()
                daemon.wait()


def _wait_for(socket: str, daemon: subprocess.Popen[bytes], log: Path) -> docker.DockerClient:
    until = time.monotonic() + _START_S
    while time.monotonic() < until and daemon.poll() is None:
        with contextlib.suppress(DockerException, OSError):
            return docker.DockerClient(base_url=socket, timeout=120)
        time.sleep(0.1)
    last = log.read_text(errors="replace").splitlines()[-1:]
    raise NoEngine(f"dockerd did not start within {_START_S:.0f} s: {' '.join(last)}")


def _remove_ours(client: docker.DockerClient) -> None:
    for container in client.containers.list(all=True, filters={"label": LABEL}):
        container.remove(force=True)
    for image in client.images.list(filters={"label": LABEL}):
        if image.id is not None:
            client.images.remove(image.id, force=True)

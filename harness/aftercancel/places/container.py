"""Cells in a container of any image: the executor runs in it, as its only process.

The container is made from the user's own image, with our Python from a read-only volume
(``runtime``) in place of its entry point, so that the image's root file system is what the cells'
overlays stand on. Each cell then has its namespaces within, as on this machine.
"""

from __future__ import annotations

import contextlib
import itertools
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Self

from aftercancel.errors import AftercancelError, CouldNotTell
from aftercancel.executor.limits import PROCESSES
from aftercancel.model import Cell, Observation
from aftercancel.places import runtime
from aftercancel.places.attached import Attached
from aftercancel.places.carrying import Carrier
from aftercancel.places.configuration import Wanted, configuration
from aftercancel.places.conversation import Conversation, HowToMeasure
from aftercancel.places.daemon import Daemon, DaemonError
from aftercancel.places.image import Image
from aftercancel.places.labels import Labels

CAPABILITIES = ("NET_ADMIN", "SYS_ADMIN", "SYS_NICE", "SYS_PTRACE")
"""Beyond Docker's own fourteen (capabilities(7)): namespaces, mounts and the trace; two hosts'
interfaces; looking into other users' processes; the watcher's priority."""
_END = b'{"end":true}\n'
_STOP_S = 60.0
_REMOVED_S = 20.0
_OWN_PROCESSES = 1_000
"""Warden, zygote, executor, and what stands beside the cells: threads count (cgroups(7), pids)."""
_MEMORY_SHARE = 0.9


class Container:
    """One long-lived container with one executor; a context manager."""

    def __init__(
        self, daemon: Daemon, image: Image, volume: str, labels: Labels, how: HowToMeasure
    ) -> None:
        self._daemon = daemon
        self._image = image
        self._volume = volume
        self._labels = labels
        self._how = replace(how, environment=image.environment)
        self._conversation = Conversation(self._how, self._why)
        self._container: str | None = None
        self._numbers = itertools.count()
        self._attached: Attached | None = None
        self._listener: threading.Thread | None = None
        self._facts: Mapping[str, object] = {}

    def __enter__(self) -> Self:
        try:
            with self._daemon.doing(f"starting a container of {self._image.name}"):
                made = self._daemon.api.create_container_from_config(
                    configuration(self._daemon, self._wanted())
                )
                self._container = made["Id"]
                self._attached = Attached(self._daemon, made["Id"])
                self._listener = threading.Thread(target=self._listen, daemon=True)
                self._listener.start()
                self._daemon.api.start(made["Id"])
            self._facts = self._conversation.hello()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *error: object) -> None:
        container, self._container = self._container, None
        attached, self._attached = self._attached, None
        if attached is not None:
            with contextlib.suppress(OSError, ValueError):
                attached.send(_END)
            if self._listener is not None:
                self._listener.join(_STOP_S if self._facts else 0.0)
            attached.close()
        if container is not None:
            # Where the daemon is gone, the reaper goes on trying.
            with contextlib.suppress(DaemonError):
                self._await_removal(container)

    def facts(self) -> Mapping[str, object]:
        return self._facts

    def measure(self, cells: Iterable[Cell]) -> Iterator[Observation]:
        """See ``Place.measure``."""
        if self._container is None:
            raise CouldNotTell("The executor was stopped.")
        carrier = Carrier(self._daemon, self._container, self._numbers)
        return self._conversation.measure([carrier.adapted(cell) for cell in cells], self._send)

    def _send(self, line: bytes) -> None:
        if self._attached is None:
            raise CouldNotTell("The executor was stopped.")
        self._attached.send(line)

    def _listen(self) -> None:
        assert self._attached is not None
        self._attached.listen(self._conversation.heard, self._conversation.words)
        self._conversation.ended()

    def _wanted(self) -> Wanted:
        memory: int = self._daemon.api.info()["MemTotal"]
        rights = {
            "cap_add": list(CAPABILITIES),
            # The trace names processes by their numbers in the first PID namespace.
            "pid_mode": "host",
            # That is refused below a daemon's own user namespace (dockerd, userns-remap).
            "userns_mode": "host",
            "security_opt": ["seccomp=unconfined", "apparmor=unconfined"],
            # These guard the daemon's machine where cells can have no control groups of their own.
            "pids_limit": self._how.in_flight * PROCESSES + _OWN_PROCESSES,
            "mem_limit": int(memory * _MEMORY_SHARE),
        }
        command = tuple(self._how.command(*runtime.PYTHON))
        return Wanted(self._image, self._volume, self._labels, command, rights)

    def _await_removal(self, container: str) -> None:
        from docker.errors import APIError, NotFound

        until = time.monotonic() + _REMOVED_S
        with self._daemon.doing("removing its container"), contextlib.suppress(NotFound):
            while time.monotonic() < until:
                state = self._daemon.api.inspect_container(container)["State"]
                if state["Status"] == "created":
                    break
                time.sleep(0.05)
            with contextlib.suppress(APIError):
                self._daemon.api.remove_container(container, force=True, v=True)

    def _why(self, said: str) -> AftercancelError:
        """What became of the container, which the daemon may know."""
        return CouldNotTell(
            f"In a container of {self._image.name}, {said}. {self._fate()} What was measured "
            "before is kept."
        )

    def _fate(self) -> str:
        from docker.errors import NotFound

        if self._container is None:
            return "It was stopped."
        try:
            with self._daemon.doing("asking for its container"):
                try:
                    state = self._daemon.api.inspect_container(self._container)["State"]
                except NotFound:
                    return "The container is gone: it ended, or somebody removed it."
        except DaemonError as error:
            return str(error)
        if state.get("OOMKilled"):
            return "The kernel killed it, because the container's memory was used up."
        if state["Running"]:
            return f"The connection to the Docker daemon at {self._daemon.address} broke."
        return f"It ended with status {state['ExitCode']}. {state.get('Error') or ''}".strip()

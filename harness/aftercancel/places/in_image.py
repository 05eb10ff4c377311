"""A run's cells in an image: what all its containers share, made once, and removed with the run."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from aftercancel.catalog import Catalogue
from aftercancel.doctor import Finding
from aftercancel.errors import MissingError
from aftercancel.images import ensure_lab
from aftercancel.model import Evidence
from aftercancel.places import image, image_programs, reaped, runtime
from aftercancel.places.container import Container
from aftercancel.places.conversation import SETTLE_S, HowToMeasure
from aftercancel.places.daemon import Daemon
from aftercancel.places.image import Image, Tell
from aftercancel.places.image_programs import ImagePrograms
from aftercancel.places.labels import Labels
from aftercancel.programs import Program, of_catalogue, of_launchers, of_shell
from aftercancel.results import Machine


@dataclass(frozen=True, slots=True)
class Shared:
    """What every process of a run must know."""

    image: Image
    runtime: str
    """The id of the runtime image."""
    volume: str
    labels: Labels
    reaper: str
    programs: ImagePrograms
    daemon: Mapping[str, Any]
    """What it says of itself and its machine."""


class InImage:
    """The surroundings of cells in one image."""

    def __init__(self, daemon: Daemon, shared: Shared) -> None:
        self._daemon = daemon
        self._shared = shared
        self.programs = shared.programs

    def place(self, in_flight: int, settle_s: float | None, evidence: Evidence | None) -> Container:
        how = HowToMeasure(in_flight, SETTLE_S if settle_s is None else settle_s, evidence)
        shared = self._shared
        return Container(self._daemon, shared.image, shared.volume, shared.labels, how)

    def machine(self) -> Machine:
        """The image's system, on the daemon's machine."""
        told = self._shared.daemon
        return Machine(
            host=told["Name"],
            kernel=told["KernelVersion"],
            architecture=told["Architecture"],
            distribution=self._shared.programs.distribution,
            processors=told["NCPU"],
            memory_mb=told["MemTotal"] >> 20,
        )

    def facts(self) -> Mapping[str, object]:
        shared = self._shared
        return {
            "place": "container",
            "image": shared.image.name,
            "image_id": shared.image.id,
            "image_digests": list(shared.image.digests),
            "image_system": shared.programs.distribution,
            "image_architecture": shared.image.architecture,
            "runtime_image": shared.runtime,
            "daemon": f"{shared.daemon['ServerVersion']} at {self._daemon.address.url}",
            "daemon_host": f"{shared.daemon['Name']}, {shared.daemon['OperatingSystem']}",
        }

    def without_real_runners(
        self, catalogue: Catalogue, missing: Mapping[str, str]
    ) -> Mapping[str, str]:
        """All of them: a runner's program and what it needs are this machine's."""
        real = (name for name, runner in catalogue.runners.items() if runner.real)
        return {**missing, **dict.fromkeys(real, _NO_RUNNERS)}

    def findings(self, catalogue: Catalogue, results: Path | None) -> tuple[Finding, ...]:
        """None: that the executor starts there is seen when it is started."""
        return ()

    def handed_on(self) -> Mapping[str, Any] | None:
        made: dict[str, Any] = msgspec.to_builtins(self._shared)
        return made


_NO_RUNNERS = "Real runners are measured on a machine, not in an image: leave out --image for them."


@contextlib.contextmanager
def opened(
    name: str | None, catalogue: Catalogue, tell: Tell, environ: Mapping[str, str] = os.environ
) -> Iterator[InImage]:
    """For the process in front: find or pull the image, and make what the run needs.

    ``name``: None for the lab's own image.
    Raises ``MissingError`` and ``UsageError`` with what is wrong, before anything was measured.
    """
    with Daemon.connect(environ) as daemon:
        wanted = image.find(daemon, name or ensure_lab(daemon, tell), tell)
        ours = runtime.find(daemon, tell, environ)
        runtime.refuse_other_architecture(wanted, ours)
        labels = Labels.new()
        with reaped.started(labels, daemon.address, environ) as (_, reaper):
            volume = runtime.fill(daemon, labels, ours)
            asked = _programs_of(catalogue)
            programs = image_programs.ask(daemon, wanted, volume, labels, asked)
            _refuse_without_shell(programs, catalogue)
            told = _told(daemon)
            yield InImage(daemon, Shared(wanted, ours.id, volume, labels, reaper, programs, told))


@contextlib.contextmanager
def joined(handed: Mapping[str, Any], environ: Mapping[str, str] = os.environ) -> Iterator[InImage]:
    """For a worker: the same, made by the process in front."""
    shared = msgspec.convert(handed, Shared)
    with reaped.held(shared.reaper), Daemon.connect(environ) as daemon:
        yield InImage(daemon, shared)


def _programs_of(catalogue: Catalogue) -> tuple[Program, ...]:
    launchers = of_launchers(catalogue.launchers.values())
    return tuple(dict.fromkeys((*of_catalogue(catalogue), *launchers)))


def _told(daemon: Daemon) -> dict[str, Any]:
    wanted = (
        *("Name", "KernelVersion", "Architecture", "NCPU", "MemTotal"),
        *("ServerVersion", "OperatingSystem"),
    )
    with daemon.doing("asking what it is"):
        info = daemon.api.info()
    return {key: info[key] for key in wanted}


def _refuse_without_shell(programs: ImagePrograms, catalogue: Catalogue) -> None:
    shells = dict.fromkeys(map(of_shell, catalogue.shells.values()))
    if any(programs.path(shell) is not None for shell in shells):
        return
    names = ", ".join(dict.fromkeys(shell.command for shell in shells))
    raise MissingError(
        f"The image {programs.image} has no shell that the lab knows: none of {names} is there. "
        "A job is interpreted by one. Take an image in which your jobs run, or add one to this."
    )


__all__ = ["InImage", "joined", "opened"]

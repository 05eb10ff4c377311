"""Where a session's cells are to run, known before any place is opened: what is there, how to go."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from aftercancel import programs
from aftercancel.catalog import Catalogue
from aftercancel.doctor import Finding
from aftercancel.model import Evidence
from aftercancel.places import Place
from aftercancel.places.conversation import SETTLE_S
from aftercancel.programs import Whereabouts
from aftercancel.results import Machine


class Surroundings(Protocol):
    """This machine, or an image."""

    @property
    def programs(self) -> Whereabouts:
        """Where the cells' programs are looked for."""
        ...

    def without_real_runners(
        self, catalogue: Catalogue, missing: Mapping[str, str]
    ) -> Mapping[str, str]:
        """Which real runners cannot be measured there, and why; ``missing``: on no machine."""
        ...

    def place(self, in_flight: int, settle_s: float | None, evidence: Evidence | None) -> Place:
        """A place there, not yet opened; None leaves the choice to it."""
        ...

    def machine(self) -> Machine:
        """What run.json says of the machine."""
        ...

    def facts(self) -> Mapping[str, object]:
        """What run.json says of the place, beside what the executor says itself."""
        ...

    def findings(self, catalogue: Catalogue, results: Path | None) -> tuple[Finding, ...]:
        """What cells lack there, as ``doctor.require`` takes it."""
        ...

    def handed_on(self) -> Mapping[str, Any] | None:
        """What another process needs to be there too, as JSON; None: nothing."""
        ...


class OnThisMachine:
    """In namespaces, as root."""

    programs: Whereabouts = programs.HERE

    def place(self, in_flight: int, settle_s: float | None, evidence: Evidence | None) -> Place:
        from aftercancel.places.this_machine import ThisMachine

        return ThisMachine(
            in_flight=in_flight,
            settle_s=SETTLE_S if settle_s is None else settle_s,
            evidence=evidence,
        )

    def machine(self) -> Machine:
        return Machine.this()

    def facts(self) -> Mapping[str, object]:
        return {}

    def without_real_runners(
        self, catalogue: Catalogue, missing: Mapping[str, str]
    ) -> Mapping[str, str]:
        return missing

    def findings(self, catalogue: Catalogue, results: Path | None) -> tuple[Finding, ...]:
        from aftercancel.doctor import examine

        return examine(catalogue, results)

    def handed_on(self) -> Mapping[str, Any] | None:
        return None

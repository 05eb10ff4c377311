"""The place of a session that no other plugin has another one for: this machine."""

from __future__ import annotations

from aftercancel.model import Evidence
from aftercancel.places import Place


def this_machine(in_flight: int, settle_s: float | None, evidence: Evidence | None) -> Place:
    """The machine that we are on; ``None`` leaves a choice to it."""
    from aftercancel.places.this_machine import SETTLE_S, ThisMachine

    return ThisMachine(
        in_flight=in_flight,
        settle_s=SETTLE_S if settle_s is None else settle_s,
        evidence=evidence,
    )

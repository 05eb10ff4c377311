"""Verdicts on stored observations: pure functions that ask nothing of the machine.

``outcome`` judges one observation on three axes, ``fingerprint`` says what must be the same when
its cell is run again, ``stability`` what repeats of it say together, ``schema`` what a stored
observation looks like.
"""

from __future__ import annotations

from typing import Any

from aftercancel.judge.facts import remembered
from aftercancel.judge.fingerprints import fingerprint
from aftercancel.judge.outcomes import outcome, unknown
from aftercancel.judge.prints import Fingerprint, differences
from aftercancel.judge.repeats import Repeats, Stability, Variant, stability
from aftercancel.judge.words import visible
from aftercancel.model import Observation, Outcome

__all__ = [
    "Fingerprint",
    "Repeats",
    "Stability",
    "Variant",
    "differences",
    "fingerprint",
    "judged",
    "outcome",
    "schema",
    "stability",
]


@remembered
def judged(observation: Observation) -> Outcome:
    """The outcome; a judge that fails could not tell, and that is no reason to lose a run."""
    try:
        return outcome(observation)
    except Exception as error:  # noqa: BLE001 whatever it is, it must not look like a verdict
        return unknown(
            observation,
            f"The judge failed on this observation ({type(error).__name__}: "
            f"{visible(str(error))}). The observation is kept and can be judged again.",
        )


def schema() -> dict[str, Any]:
    """The JSON Schema of one stored observation."""
    # Reads the source of the model: only for those who ask.
    from aftercancel.judge import observation_schema

    return observation_schema.schema()

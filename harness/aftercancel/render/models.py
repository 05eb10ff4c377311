"""What the models of a run are worth, in words for every report: beside which real runners they
were measured, and in how many cells they behaved alike.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from aftercancel.judge.models import Agreement, sentence
from aftercancel.judge.words import listed, visible

HEADING = "Models beside the real runners"
LEAD = (
    "A modelled runner does what its author read in the source of the real one. Where both were "
    "measured, they are compared cell by cell: outcome, what the runner said, whom it signalled "
    "with what, and what the job wrote."
)
_NAMED = 12
"""As many cells in which they differ are named in a line."""


def share(agreement: Agreement) -> str:
    """In how many cells they agree, in few words: ``11 of 12 cells``."""
    if agreement.cells == 1:
        return "the one cell" if agreement.agreeing else "0 of 1 cell"
    every = agreement.agreeing == agreement.cells
    return f"{'all' if every else f'{agreement.agreeing} of'} {agreement.cells} cells"


def in_short(agreement: Agreement) -> str:
    """The comparison in a line: how often they agree, and where not."""
    model, real = visible(agreement.model), visible(agreement.real)
    if not agreement.real:
        return f"{model}: no real one was measured beside it"
    if not agreement.cells:
        return f"{model} could not be compared with {real}: {_untold(agreement)}"
    words = f"{model} agrees with {real} in {share(agreement)}"
    if agreement.differing:
        cells = [visible(cell) for cell, _ in agreement.differing]
        words += f"; differs in {listed(cells, most=_NAMED)}"
    return f"{words}; {_untold(agreement)}" if agreement.untold else words


def notice(model: str, follows: str, found: Iterable[Agreement]) -> str:
    """What stands on the page of a model's cell: whom it follows, and what its word is worth."""
    after = f"follows {follows}" if follows else "the run does not say what it follows"
    real = [each for each in found if each.model == model and each.real]
    if not real:
        return f"Modelled: {after}. No real one was run beside it."
    told = [
        f"beside {each.real} it agreed in {share(each)}"
        if each.cells
        else f"beside {each.real} no cell could be told"
        for each in real
    ]
    words = "; ".join(told)
    return f"Modelled: {after}. {words[0].upper()}{words[1:]}."


def as_data(agreement: Agreement) -> dict[str, Any]:
    """One comparison for JSON."""
    return {
        "model": agreement.model,
        "real": agreement.real or None,
        "cells": agreement.cells,
        "agreeing": agreement.agreeing,
        "differing": [{"cell": cell, "words": words} for cell, words in agreement.differing],
        "untold": list(agreement.untold),
        "sentence": sentence(agreement),
    }


def _untold(agreement: Agreement) -> str:
    cells = "1 cell" if len(agreement.untold) == 1 else f"{len(agreement.untold)} cells"
    return f"{cells} could not be told"

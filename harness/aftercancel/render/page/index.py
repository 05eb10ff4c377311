"""The index of cells: small numbers in columns, so that 100,000 of them are read in an instant."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from aftercancel.judge.claims import Finding
from aftercancel.judge.claims.words import MODELLED
from aftercancel.model import Outcome
from aftercancel.render.models import notice
from aftercancel.render.page.data import PageData, Word
from aftercancel.render.page.unsaid import unsaid
from aftercancel.render.results import CellResult, cell_of
from aftercancel.render.rows import words
from aftercancel.render.signs import signs

Places = Mapping[str, tuple[int, int]]
"""Of each attempt that the page carries: its chunk, and its position in it."""

NOWHERE = (-1, -1)
_AXES = ("job", "shell", "launcher", "runner", "cancellation")
MIXED, NOT_MEASURED = "attempts differ", "not measured"


def index(data: PageData, cells: Mapping[str, CellResult], places: Places) -> dict[str, Any]:
    """Everything that the page's script knows before a cell is opened."""
    own = _Numbered()
    columns: dict[str, list[int]] = {name: [] for name in (*_AXES, "outcome", "chunk", "at")}
    attempts: dict[int, list[list[int]]] = {}
    position: dict[str, int] = {}
    for n, (cell, result) in enumerate(cells.items()):
        position[cell] = n
        for axis, word in zip(_AXES, words(cell), strict=True):
            columns[axis].append(own.word(axis, word))
        columns["outcome"].append(own.outcome(result))
        first = result.outcomes[0] if result.outcomes else None
        chunk, at = NOWHERE if first is None else places.get(_key(first), NOWHERE)
        columns["chunk"].append(chunk)
        columns["at"].append(at)
        if len(result.outcomes) > 1 or (first is not None and first.attempt > 1):
            attempts[n] = [
                [each.attempt, own.outcome(_alone(each)), *places.get(_key(each), NOWHERE)]
                for each in result.outcomes
            ]
    return {
        "words": own.words,
        "outcomes": own.outcomes,
        "cells": columns,
        "attempts": attempts,
        "repeats": _repeats(data, position),
        "slices": [
            {
                "id": section.id,
                "sentence": section.sentence,
                "cells": [position[cell] for cell in section.cells],
            }
            for section in data.results.all_sections()
        ],
        "modelled": _modelled(data, own.words["runner"]),
        "differing": _differing(data, position),
        "claims": [_claim(finding, position) for _, finding in data.findings],
        "sentences": {claim.id: claim.sentence for claim, _ in data.findings},
        "catalogue": {
            axis: {each.id: _word(each) for each in words.values()}
            for axis, words in data.words.by_axis().items()
        },
        "note": data.words.note,
        "unsaid": unsaid(),
    }


class _Numbered:
    """Words and outcomes, each said once."""

    def __init__(self) -> None:
        self.words: dict[str, list[str]] = {axis: [] for axis in _AXES}
        self.outcomes: list[dict[str, Any]] = []
        self._words: dict[tuple[str, str], int] = {}
        self._outcomes: dict[tuple[Any, ...], int] = {}

    def word(self, axis: str, word: str) -> int:
        known = self.words[axis]
        number = self._words.setdefault((axis, word), len(known))
        if number == len(known):
            known.append(word)
        return number

    def outcome(self, result: CellResult) -> int:
        seen = (result.processes, result.cleanup, result.report, result.unstable, result.missing)
        number = self._outcomes.setdefault(seen, len(self.outcomes))
        if number == len(self.outcomes):
            found = signs(result)
            self.outcomes.append(
                {
                    "signs": [[sign.character, sign.meaning, sign.style] for sign in found],
                    "values": [_value(values) for values in seen[:3]],
                }
            )
        return number


def _value(values: Iterable[str]) -> str:
    several = list(values)
    if not several:
        return NOT_MEASURED
    return str(several[0]) if len(several) == 1 else MIXED


def _alone(outcome: Outcome) -> CellResult:
    return CellResult(outcome.cell, (outcome,), unstable=False, missing=False)


def _key(outcome: Outcome) -> str:
    return outcome.cell if outcome.attempt == 1 else f"{outcome.cell}#{outcome.attempt}"


def _repeats(data: PageData, position: Mapping[str, int]) -> dict[int, Any]:
    return {
        position[each.cell]: {
            "distribution": each.distribution,
            "stable": each.stable,
            "variants": [list(variant.attempts) for variant in each.variants],
            "differences": list(each.differences),
        }
        for each in data.results.stability
        if each.cell in position
    }


def _claim(finding: Finding, position: Mapping[str, int]) -> list[Any]:
    """Its id, its verdict, and the cells that it rests on."""
    cells = dict.fromkeys(cell_of(key) for case in finding.cases for key in case.cells.values())
    known = [position[cell] for cell in cells if cell in position]
    return [finding.claim, finding.words, known]


def _modelled(data: PageData, runners: Iterable[str]) -> dict[str, str]:
    """What is said of each modelled runner wherever it is shown."""
    known = data.words.runners
    return {
        runner: notice(
            runner, known[runner].follows if runner in known else "", data.results.models
        )
        for runner in runners
        if runner.endswith(MODELLED)
    }


def _differing(data: PageData, position: Mapping[str, int]) -> dict[int, list[list[str]]]:
    """Of each model's cell in which a real runner behaved otherwise: which, and in what."""
    found: dict[int, list[list[str]]] = {}
    for each in data.results.models:
        for rest, differs in each.differing:
            before, _, cancellation = rest.rpartition("/")
            cell = position.get(f"{before}/{each.model}/{cancellation}")
            if cell is not None:
                found.setdefault(cell, []).append([each.real, differs])
    return found


def _word(word: Word) -> list[Any]:
    return [word.sentence, word.version, word.name, word.text, int(word.remedy)]

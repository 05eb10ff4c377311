"""``matrix.toml``: slices, their products, and the cells that these make."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from itertools import product
from typing import Any

from aftercancel.catalog.catalogue import DEFAULT, Catalogue, Slice, impossible
from aftercancel.catalog.fields import Fields, check_id
from aftercancel.catalog.lines import Place
from aftercancel.catalog.source import Source, Sources
from aftercancel.model import Cell

_AXES = ("jobs", "shells", "launchers", "runners", "cancellations")
_DEFAULTS = {"launchers": ("none",), "runners": ("plain",)}
_CLAIM = re.compile(r"[A-Z][0-9]{1,2}")
_GLOB = re.compile(r"[*?[]")

Sets = Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class _Choice:
    """One word of an axis, and whether it was named by itself (a glob or a set takes what fits)."""

    id: str
    named: bool


def read_slices(sources: Sources, words: Catalogue) -> Catalogue:
    """The catalogue with the slices of ``matrix.toml`` and all of their cells."""
    source = sources.toml("matrix.toml")
    if source is None:
        return words
    head = Fields(sources, source, (), source.data)
    sets = _sets(sources, source, head.tables("set") if head.has("set") else {}, words)
    tables = head.tables("slice")
    head.close()
    if not tables:
        head.fault(None, "There is no slice.", "Write at least one table [slice.NAME].")
    slices: dict[str, Slice] = {}
    matrix: dict[str, Cell] = {}
    for name, table in tables.items():
        check_id(sources, source, ("slice", name), name)
        fields = Fields(sources, source, ("slice", name), table)
        reader = _SliceReader(fields, sets, words)
        cells = reader.cells()
        slices[name] = Slice(name, reader.sentence, tuple(cells), reader.answers, reader.default)
        matrix |= cells
    return replace(words, slices=slices, matrix=matrix)


def _sets(
    sources: Sources, source: Source, tables: Mapping[str, Mapping[str, Any]], words: Catalogue
) -> dict[str, Sets]:
    """Named lists of words, by axis: ``[set.shells] plain = […]`` is used as ``@plain``."""
    sets: dict[str, Sets] = {}
    for axis, table in tables.items():
        place: Place = ("set", axis)
        if axis not in _AXES:
            sources.unknown(source, place, "axis", axis, _AXES)
            continue
        fields = Fields(sources, source, place, table)
        known: Mapping[str, object] = getattr(words, axis)
        sets[axis] = {name: fields.texts(name) for name in table}
        for name, members in sets[axis].items():
            for member in members:
                if member not in known and not _may_be_broken(sources, axis, member):
                    sources.unknown(source, (*place, name), axis[:-1], member, known)
    return sets


class _SliceReader:
    """One table ``[slice.NAME]``: one product in itself, or several ``[[slice.NAME.product]]``."""

    def __init__(self, fields: Fields, sets: Mapping[str, Sets], words: Catalogue) -> None:
        self._fields = fields
        self._sets = sets
        self._words = words
        self.sentence = fields.text("sentence")
        self.answers = fields.texts("answers")
        self.default = fields.flag("default", default=True)
        if fields.place[-1] == DEFAULT:
            fields.fault(
                None, "No slice can be called that: it stands for all of them.", "Rename it."
            )
        for claim in self.answers:
            if not _CLAIM.fullmatch(claim):
                hint = "Claims are named as G5 or H2."
                fields.fault("answers", f"{claim} is not a claim.", hint, claim)

    def cells(self) -> dict[str, Cell]:
        found: dict[str, Cell] = {}
        fields = self._fields
        if any(fields.has(axis) for axis in _AXES):
            found |= self._product(fields)
        rows = fields.rows("product")
        fields.close()
        for number, row in enumerate(rows):
            place = (*fields.place, "product", number)
            of_row = Fields(fields.sources, fields.source, place, row)
            found |= self._product(of_row)
            of_row.close()
        if not rows and not any(fields.has(axis) for axis in _AXES):
            hint = f"Give it {', '.join(_AXES)}, or tables [[slice.NAME.product]]."
            fields.fault(None, "The slice has no cells.", hint)
        return found

    def _product(self, fields: Fields) -> dict[str, Cell]:
        axes = [self._axis(fields, axis) for axis in _AXES]
        left_out = fields.texts("except")
        if not all(axes):
            return {}  # every empty axis has its own fault
        found: dict[str, Cell] = {}
        refused: set[str] = set()
        for choices in product(*axes):
            cell = self._cell(choices)
            reason = impossible(cell)
            if reason is None:
                found[cell.id] = cell
            elif all(choice.named for choice in choices) and reason not in refused:
                refused.add(reason)
                hint = "A glob or a set (@NAME) takes only what is possible."
                fields.fault(None, f"Impossible: {reason}", hint)
        for pattern in left_out:
            matching = [cell for cell in found if fnmatchcase(cell, pattern)]
            if not matching and not fields.sources.broken:
                fields.fault("except", f"{pattern} leaves nothing out.", "Remove it.", pattern)
            for cell_id in matching:
                del found[cell_id]
        if not found and not refused and not self._fields.sources.broken:
            fields.fault(None, "The product has no cells: nothing in it fits together.")
        return found

    def _cell(self, choices: tuple[_Choice, ...]) -> Cell:
        job, shell, launcher, runner, cancellation = (choice.id for choice in choices)
        words = self._words
        return Cell(
            words.jobs[job],
            words.shells[shell],
            words.launchers[launcher],
            words.runners[runner],
            words.cancellations[cancellation],
        )

    def _axis(self, fields: Fields, axis: str) -> tuple[_Choice, ...]:
        default = _DEFAULTS.get(axis)
        given = fields.texts(axis, required=default is None)
        if not given:
            if fields.has(axis):
                fields.fault(axis, f"{axis} is empty, so the product has no cells.")
            given = () if default is None or fields.has(axis) else default
        chosen: dict[str, _Choice] = {}
        for word in given:
            for choice in self._chosen(fields, axis, word):
                chosen.setdefault(choice.id, choice)
        return tuple(chosen.values())

    def _chosen(self, fields: Fields, axis: str, word: str) -> Iterator[_Choice]:
        known: Mapping[str, object] = getattr(self._words, axis)
        sources, place = fields.sources, (*fields.place, axis)
        if word.startswith("@"):
            sets = self._sets.get(axis, {})
            if word[1:] not in sets:
                sources.unknown(fields.source, place, f"set of {axis}", word[1:], sets)
            yield from (
                _Choice(each, named=False) for each in sets.get(word[1:], ()) if each in known
            )
        elif _GLOB.search(word):
            matching = [each for each in known if fnmatchcase(each, word)]
            if not matching and not sources.broken:
                fields.fault(axis, f"No word of {axis} fits {word}.", word=word)
            yield from (_Choice(each, named=False) for each in matching)
        elif word in known:
            yield _Choice(word, named=True)
        elif not _may_be_broken(sources, axis, word):
            sources.unknown(fields.source, place, axis[:-1], word, known)


def _may_be_broken(sources: Sources, axis: str, word: str) -> bool:
    """Whether a word is unknown only because its file could not be read."""
    stems = tuple(stem for stem in sources.broken if not stem.endswith(".toml"))
    return f"{axis}.toml" in sources.broken or (axis == "jobs" and word.startswith(stems))

"""The matrix as Markdown, as CI summaries and ``matrix.md`` show it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from tabulate import tabulate

from aftercancel.judge.models import Agreement
from aftercancel.judge.repeats import Stability
from aftercancel.judge.words import listed, visible
from aftercancel.render import models
from aftercancel.render.matrix import INDEX, Table, tables
from aftercancel.render.results import Results, Summary, by_cell, summary
from aftercancel.render.rows import Alike
from aftercancel.render.signs import DIM, GOOD, LEGEND, Sign, as_text

_SPECIAL = re.compile(r"([\\`*_{}\[\]()#+!|~$-])")
_SHOWN = 20


def markdown(
    results: Results,
    title: str = "After the cancel",
    *,
    chances: bool = True,
    notices: Sequence[str] = (),
) -> str:
    """A whole page: numbers and what could not be told first, then a table for each section.

    Without ``chances`` cells are counted and not attempts, and it does not say how often each
    behaviour of an unstable cell was seen.
    """
    shown = tables(results)
    alike = tuple(dict.fromkeys(table.alike for table in shown))
    found = summary(results) if chances else by_cell(results)
    blocks = [
        f"# {escaped(title)}",
        *noticed(notices),
        *numbers(found, chances=chances),
        *beside(results.models),
        *legend(alike),
    ]
    section = None
    for table in shown:
        blocks += [*heading(table, section), *table_of(table)]
        section = table.section
    return "\n\n".join(blocks) + "\n"


def noticed(notices: Iterable[str]) -> Iterable[str]:
    """What makes a run incomplete, so that nobody overlooks it."""
    return (f"**{escaped(notice)}**" for notice in notices)


def heading(table: Table, before: str | None) -> Iterable[str]:
    """What stands above the first table of a section."""
    if table.section != before:
        yield f"## {escaped(table.section)}"
        if table.sentence:
            yield escaped(table.sentence)


def escaped(text: str) -> str:
    """Text that a job, a path or a user named, as Markdown that shows it as it stands."""
    harmless = visible(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    # A hyphen means something at the beginning only, and ids are full of them.
    spelt = _SPECIAL.sub(lambda m: m[0] if m[0] in "-()+!#" else f"\\{m[0]}", harmless)
    return re.sub(r"^(\s*)([-+#]|\d+[.)])", r"\1\\\2", spelt)


def table_of(table: Table) -> Iterable[str]:
    """One table, and its index."""
    cells = cells_in_words(table.cells)
    place = escaped(table.place)
    yield f"{place[:1].upper()}{place[1:]}, {cells}:"
    columns = [escaped(column) if column else "outcome" for column in table.columns]
    index = table.index
    letters = [""] if index else []
    rows = [
        [
            escaped(row.title),
            *(row.letter for _ in letters),
            escaped(row.label),
            *map(_entry, row.entries),
        ]
        for row in table.rows
    ]
    yield _tabulated(["job", *letters, table.alike.value, *columns], rows)
    if index:
        yield INDEX
        usual = next(iter(index.values()))
        found = [
            [
                escaped(name),
                *(x if x in ("", y) else f"**{x}**" for x, y in zip(some, usual, strict=True)),
            ]
            for name, some in index.items()
        ]
        yield _tabulated(["launcher", *map(escaped, table.titles)], found)


def _entry(found: Sequence[Sign]) -> str:
    """Bold where a reader should look."""
    text = as_text(tuple(found)).replace("~", "\\~")
    well = all(sign.style in (GOOD, DIM) for sign in found)
    return text if well else f"**{text}**"


def _tabulated(headers: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    # Tabulate would take what looks like a number for one, and strip leading spaces.
    return tabulate(rows, headers, tablefmt="github", disable_numparse=True)


def legend(alike: Iterable[Alike]) -> Iterable[str]:
    """What the signs mean, and the stars."""
    yield "Each entry has three signs."
    rows = [
        [axis, sign.character.replace("~", "\\~"), escaped(sign.meaning)]
        for axis, meanings in LEGEND
        for sign in meanings
    ]
    yield _tabulated(["sign", "is", "which means"], rows)
    for what in alike:
        star, meaning = what.star.split(" ", 1)
        yield f"`{star}` {meaning}."


def numbers(found: Summary, *, chances: bool = True) -> Iterable[str]:
    """The run in numbers, and by name what is not a plain outcome."""
    yield from counted(found, chances=chances)
    yield from named(found, chances=chances)


def counted(found: Summary, *, chances: bool = True) -> Iterable[str]:
    """The run in numbers."""
    of = f", {found.attempts:,} observations" if chances else ""
    yield f"{cells_in_words(found.cells)}{of}."
    axes: Sequence[tuple[str, Mapping[str, int]]] = (
        ("processes", found.processes),
        ("clean-up", found.cleanup),
        ("report", found.report),
    )
    rows = [
        [axis, ", ".join(f"{value} {count}" for value, count in counts.items() if count)]
        for axis, counts in axes
    ]
    yield _tabulated(["axis", "outcomes"], rows)


def named(found: Summary, *, chances: bool = True) -> Iterable[str]:
    """By name, what could not be told, was not measured or not tried, or is unstable."""
    if found.untold:
        yield f"## Could not tell: {sum(len(untold.cells) for untold in found.untold)}"
        yield _items(f"{escaped(u.reason)} ({_named(u.cells)})" for u in found.untold)
    if found.missing:
        yield f"## Not measured: {len(found.missing)}"
        yield _items([_named(found.missing)])
    if found.unavailable:
        yield "## Not tried"
        yield _items(f"{escaped(what)}: {escaped(why)}" for what, why in found.unavailable)
    if found.unstable:
        yield f"## Unstable: {len(found.unstable)}"
        yield _items(map(_unstable if chances else _unstable_by_kind, found.unstable))


def beside(found: Sequence[Agreement]) -> Iterable[str]:
    """Models beside the real runners; nothing where the run has no model."""
    if not found:
        return
    yield f"## {models.HEADING}"
    yield models.LEAD
    rows = [list(map(escaped, (each.model, each.real, *_agreeing(each)))) for each in found]
    yield _tabulated(["model", "real one", "agree in", "could not be told"], rows)
    differing = [
        f"{escaped(f'{each.model}, {each.real}, {cell}')}: {escaped(words)}"
        for each in found
        for cell, words in each.differing
    ]
    if differing:
        yield "Where they differ:"
        yield _items(differing)


def _agreeing(found: Agreement) -> tuple[str, str]:
    if not found.real:
        return "no real one was measured beside it", ""
    untold = f"{len(found.untold)}" if found.untold else ""
    return (models.share(found) if found.cells else "no cell could be told"), untold


def _unstable(found: Stability) -> str:
    return (
        f"{escaped(found.cell)}: {escaped(found.distribution)}. "
        f"{escaped('; '.join(found.differences))}"
    )


def _unstable_by_kind(found: Stability) -> str:
    return f"{escaped(found.cell)}: {escaped('; '.join(found.differing))}"


def cells_in_words(count: int) -> str:
    """``1 cell``, ``12 cells``."""
    return "1 cell" if count == 1 else f"{count:,} cells"


def _items(texts: Iterable[str]) -> str:
    return "\n".join(f"- {text}" for text in texts)


def _named(cells: Sequence[str]) -> str:
    return listed([escaped(cell) for cell in cells], most=_SHOWN)

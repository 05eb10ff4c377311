"""``aftercancel list``: what the lab can try, with a sentence for each."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import click

from aftercancel import catalog
from aftercancel.absence import not_here
from aftercancel.cli.printing import print_objects
from aftercancel.cli.selection import nothing_selected, select
from aftercancel.model import Cell

if TYPE_CHECKING:
    from aftercancel.catalog import Catalogue

Row = tuple[str, str]
_WORDS = ("slices", "jobs", "shells", "launchers", "runners", "cancellations")


@click.command("list")
@click.argument("what", type=click.Choice(["cells", *_WORDS]), required=False)
@click.option("-k", "expression", metavar="EXPR", help="Only what matches, as in pytest.")
@click.option("--slice", "slices", multiple=True, metavar="NAME", help="Only cells of this slice.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_(what: str | None, expression: str | None, slices: tuple[str, ...], as_json: bool) -> int:
    """List cells, or the words that cells are made of.

    Without WHAT: everything but the cells; with -k or --slice: the cells that match.
    """
    catalogue = catalog.load()
    narrowed = bool(expression or slices)
    chosen = [what] if what else ["cells"] if narrowed else list(_WORDS)
    found = {each: _rows(each, catalogue, expression, slices) for each in chosen}
    absent = _absent(catalogue) if "launchers" in found else {}
    if as_json:
        print_objects(
            [
                {"what": each, "id": name, "sentence": sentence}
                | ({"not_here": absent.get(name)} if each == "launchers" else {})
                for each, rows in found.items()
                for name, sentence in rows
            ]
        )
        return 0
    for each, rows in found.items():
        if len(found) > 1:
            click.secho(f"{each} ({len(rows)})", bold=True)
        _print(rows, absent if each == "launchers" else {})
    if not what and not narrowed:
        click.echo(
            f"{len(catalogue.cells())} cells in the default matrix: `aftercancel list cells`"
        )
    return 0


def _rows(
    what: str, catalogue: Catalogue, expression: str | None, slices: Sequence[str]
) -> list[Row]:
    if what == "cells":
        rows = [(cell.id, cell_sentence(cell)) for cell in catalogue.cells(slices)]
    elif what == "slices":
        rows = [
            (each.id, f"{each.sentence} ({len(each.cells)} cells)")
            for each in catalogue.slices.values()
        ]
    else:
        words: Mapping[str, Mapping[str, object]] = {
            "jobs": catalogue.jobs,
            "shells": catalogue.shells,
            "launchers": catalogue.launchers,
            "runners": catalogue.runners,
            "cancellations": catalogue.cancellations,
        }
        rows = [(name, str(getattr(thing, "sentence", ""))) for name, thing in words[what].items()]
    chosen = select(expression, rows, _name)
    if not chosen:
        names = sorted({word for name, _ in rows for word in name.split("/")})
        raise nothing_selected(expression or "", what.removesuffix("s"), names)
    return chosen


_name: Callable[[Row], str] = lambda row: row[0]  # noqa: E731


def cell_sentence(cell: Cell) -> str:
    """One cell in words."""
    return f"{_closed(cell.job.sentence)} {_closed(cell.cancellation.sentence)}"


def _closed(sentence: str) -> str:
    """With a full stop, unless it ends already."""
    return sentence if sentence.endswith((".", "?", "!")) else f"{sentence}."


def _absent(catalogue: Catalogue) -> dict[str, str]:
    """The launchers that are not here, with what they lack and how to get it."""
    found = ((each.id, not_here(each)) for each in catalogue.launchers.values())
    return {name: words for name, words in found if words is not None}


def _print(rows: Sequence[Row], absent: Mapping[str, str]) -> None:
    width = max((len(name) for name, _ in rows), default=0)
    for name, sentence in rows:
        click.echo(f"  {name:<{width}}  {sentence}".rstrip())
        if name in absent:
            click.secho(f"  {'':<{width}}  Not here. {absent[name]}", fg="yellow")

"""The page itself: templates, one style sheet and a few scripts put into one file."""

from __future__ import annotations

import base64
import hashlib
import os
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain, islice
from pathlib import Path
from typing import NamedTuple, TypeVar
from urllib.parse import quote, urlencode

from jinja2 import (
    Environment,
    FileSystemBytecodeCache,
    FileSystemLoader,
    StrictUndefined,
)

from aftercancel.judge.claims import Verdict
from aftercancel.judge.claims.deciding import values_in_words
from aftercancel.judge.words import visible
from aftercancel.render import effects, matrix, models
from aftercancel.render.page.chunks import Chunk, deflated
from aftercancel.render.page.data import PageData
from aftercancel.render.page.disagreements import Disagreement, disagreements
from aftercancel.render.page.findings import ANSWERS, Shown, cases, shown
from aftercancel.render.page.index import index
from aftercancel.render.results import by_cell, cell_of, summary
from aftercancel.render.signs import LEGEND, Sign, signs

Thing = TypeVar("Thing")

_HERE = Path(__file__).parent
_SCRIPTS = ("dom", "cells", "choice", "matrix", "scale", "timeline", "cell", "claims", "main")
"""In the order in which they build on each other."""
_MOST_STATIC = 5000
"""As many cells are also shown as tables that need no script."""
_GLANCE = 320
"""Characters of a reason that stand in a list; the rest of it is unfolded."""
_STYLES = {"green": "good", "yellow": "mild", "bold red": "bad", "dim": "dim"}


class _Asset(NamedTuple):
    """A style sheet or script with the hash by which the page's policy lets it in."""

    text: str
    hash: str


def page(data: PageData) -> Iterator[str]:
    """The HTML, in pieces."""
    # Asked for first: whoever makes the chunks may go on while everything else is made here.
    chunks = _begun(data.chunks)
    cells = data.results.cells()
    places: dict[str, tuple[int, int]] = {}
    template = _environment().get_template("page.html")
    claims = shown(data.findings, data.stories)
    script, style, early = _script(), _asset("page.css"), _asset("scripts/early.js")
    yield from template.generate(
        data=data,
        title=data.title,
        summary=summary(data.results),
        by_cell=by_cell(data.results),
        disagreements=disagreements(cells.values()),
        claims=claims,
        verdicts=_verdicts(claims),
        sources=_grouped(claims, lambda each: each.claim.source),
        known_cells=cells,
        models=models,
        legend=LEGEND,
        effects=effects,
        effect_groups=_grouped(data.effects, lambda each: each.group),
        tables=matrix.tables(data.results) if len(cells) <= _MOST_STATIC else (),
        most_static=_MOST_STATIC,
        chunks=_placed(chunks, places),
        cases=deflated(cases(data.findings)),
        # Made last: by then it is known which cell is in which chunk.
        index=lambda: deflated(index(data, cells, places)),
        style=style.text,
        early=early.text,
        script=script.text,
        policy=_policy(style, early, script),
    )


def _verdicts(claims: Sequence[Shown]) -> list[str]:
    count = Counter(each.finding.verdict for each in claims)
    counted = [f"{count[verdict]} {verdict.value}" for verdict in Verdict if count[verdict]]
    modelled = sum(each.finding.modelled for each in claims)
    return [*counted, f"{modelled} of these in a model only"] if modelled else counted


def _begun(chunks: Iterable[Chunk]) -> Iterator[Chunk]:
    """The same, with the first of them asked for."""
    asked = iter(chunks)
    first = list(islice(asked, 1))
    return chain(first, asked)


def _placed(
    chunks: Iterable[Chunk], places: dict[str, tuple[int, int]]
) -> Iterator[tuple[int, Chunk]]:
    """The chunks with their numbers. (Jinja's own ``loop`` would ask for one more in advance.)"""
    for number, chunk in enumerate(chunks):
        for at, key in enumerate(chunk.keys):
            places[key] = (number, at)
        yield number, chunk


def _grouped(things: Iterable[Thing], group: Callable[[Thing], str]) -> dict[str, list[Thing]]:
    """In the order in which the groups first come."""
    found: dict[str, list[Thing]] = {}
    for thing in things:
        found.setdefault(group(thing), []).append(thing)
    return found


def _bytecode_cache() -> FileSystemBytecodeCache | None:
    """Compiled templates, kept where and when Python keeps compiled modules."""
    folder = _HERE / "__pycache__"
    if sys.dont_write_bytecode or not os.access(_HERE, os.W_OK):
        return None
    try:
        folder.mkdir(exist_ok=True)
    except OSError:
        return None
    return FileSystemBytecodeCache(str(folder))


def _environment() -> Environment:
    made = Environment(
        loader=FileSystemLoader(_HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        bytecode_cache=_bytecode_cache(),
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters["visible"] = visible
    made.filters["of_runner"] = of_runner
    made.filters["folded"] = folded
    made.filters["fragment"] = fragment
    made.filters["filtered"] = _filtered
    made.filters["sign_class"] = sign_class
    made.filters["counted"] = _counted
    made.filters["of_axis"] = _of_axis
    made.globals["answers"] = ANSWERS
    made.globals["signs_of"] = signs
    made.globals["cell_of"] = cell_of
    return made


def fragment(key: str) -> str:
    """The part of the page's address that opens an attempt at a cell."""
    return "#cell=" + quote(key, safe="/")


def of_runner(rest: str, runner: str) -> str:
    """A cell's id, of the id without its runner."""
    before, _, cancellation = rest.rpartition("/")
    return f"{before}/{runner}/{cancellation}"


def folded(text: str) -> tuple[str, str]:
    """What is read at a glance, and the rest: whole sentences if the first is short enough."""
    if len(text) <= _GLANCE:
        return text, ""
    cut = max(text.rfind(". ", 0, _GLANCE) + 1, text.rfind("; ", 0, _GLANCE) + 1)
    cut = cut if cut > _GLANCE // 8 else text.rfind(" ", 0, _GLANCE)
    cut = cut if cut > 0 else _GLANCE
    return f"{text[:cut]} …", text[cut:].strip()


def _filtered(found: Disagreement) -> str:
    """The part of the page's address that shows the matrix narrowed to this entry."""
    narrowed = {"slice": "", "job": found.job, "cancellation": found.cancellation}
    return "#matrix?" + urlencode({**narrowed, **dict(found.fixed)}, quote_via=quote)


def sign_class(style: str | Sign) -> str:
    """The class that colours a sign."""
    return _STYLES.get(style.style if isinstance(style, Sign) else style, "untold")


def _counted(number: int, one: str, several: str | None = None) -> str:
    return f"{number:,} {one if number == 1 else several or one + 's'}"


def _of_axis(values: Sequence[str], axis: str) -> str:
    """Every value of an arm by name: here is room for all of them."""
    return values_in_words(axis, values, most=len(values))


def _asset(name: str) -> _Asset:
    return _hashed((_HERE / name).read_text(encoding="utf-8"))


def _script() -> _Asset:
    parts = [(_HERE / "scripts" / f"{name}.js").read_text(encoding="utf-8") for name in _SCRIPTS]
    return _hashed("'use strict';\n(() => {\n" + "\n".join(parts) + "})();\n")


def _hashed(text: str) -> _Asset:
    digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode("ascii")
    return _Asset(text, f"'sha256-{digest}'")


def _policy(style: _Asset, early: _Asset, script: _Asset) -> str:
    """Nothing is loaded from anywhere, and no script runs but the page's own."""
    return (
        f"default-src 'none'; script-src {early.hash} {script.hash}; style-src {style.hash}; "
        "base-uri 'none'; form-action 'none'"
    )

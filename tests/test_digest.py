"""The Markdown for a CI summary: the essential first, never too long, and nothing lost unsaid."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from aftercancel.judge import judged
from aftercancel.model import Outcome
from aftercancel.render import Results, Section
from aftercancel.render.digest import LIMIT, digest
from tests.observing import cell, child, job, survivor

# Vocabulary


def outcome(name: str, *, well: bool = True) -> Outcome:
    return judged(replace(cell(job(), child() if well else survivor()), cell=name))


def results(sections: int, jobs: int) -> Results:
    """So many slices, with so many jobs under two shells in each."""
    names = {
        f"slice-{n}": [
            f"job-{n}-{m}/{shell}/none/plain/TERM-group"
            for m in range(jobs)
            for shell in ("bash", "dash")
        ]
        for n in range(sections)
    }
    return Results(
        tuple(outcome(name, well="/bash/" in name) for some in names.values() for name in some),
        tuple(Section(name, tuple(some)) for name, some in names.items()),
    )


def test_warnings_numbers_and_disagreements_come_before_the_tables() -> None:
    page = digest(results(2, 2), notices=["This run is incomplete."])
    places = [
        page.index(words)
        for words in ("This run is incomplete", "8 cells", "disagree most", "## slice-0")
    ]
    assert places == sorted(places)


def test_what_fits_is_all_there() -> None:
    page = digest(results(3, 4))
    assert "Left out" not in page
    assert all(f"job-{n}-{m}" in page for n in range(3) for m in range(4))


@pytest.mark.parametrize("limit", [6000, 12_000, 30_000])
def test_it_stays_below_the_limit_and_counts_every_table_that_it_leaves_out(limit: int) -> None:
    many = results(40, 12)
    page = digest(many, limit=limit)
    assert len(page.encode()) < limit
    shown = sum(page.count(f"## slice-{n}\n") for n in range(40))
    found = re.search(r"(\d+) of 40 tables with ([\d,]+) cells", page)
    assert found is not None
    assert int(found[1]) == 40 - shown
    assert int(found[2].replace(",", "")) == (40 - shown) * 24


def test_the_names_of_what_is_left_out_do_not_make_it_too_long() -> None:
    names = [f"slice {n} with quite a long name, and more of it {'x' * 50}" for n in range(300)]
    cells = [f"job-{n}/bash/none/plain/TERM-group" for n in range(300)]
    many = Results(
        tuple(map(outcome, cells)),
        tuple(Section(name, (one,)) for name, one in zip(names, cells, strict=True)),
    )
    page = digest(many, limit=20_000)
    assert len(page.encode()) < 20_000
    assert "more" in page


def test_a_paragraph_that_does_not_fit_is_counted() -> None:
    page = digest(results(1, 1), notices=["x" * 5000, "y"], limit=6000)
    assert len(page.encode()) < 6000
    assert "1 paragraph is left out above" in page
    assert "y" in page


def test_the_limit_is_that_of_a_step_summary() -> None:
    assert LIMIT == 1024 * 1024


def test_names_with_markup_are_shown_as_they_stand() -> None:
    name = "<b>|`x`/dash/none/plain/TERM-group"
    page = digest(Results((outcome(name),)))
    assert "<b>" not in page
    assert "&lt;b&gt;\\|\\`x\\`" in page

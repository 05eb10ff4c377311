"""The cells of one real runner wait in a line: who is next?"""

from __future__ import annotations

import pytest

from aftercancel import catalog
from aftercancel.executor.standing_cells import Line
from aftercancel.model import Cell

CATALOGUE = catalog.load()
RESTART = "queued/bash/none/buildbot/server-TERM-restart"
QUEUED = "queued/bash/none/buildbot/stop"
USUAL = "exit-trap/dash/none/buildbot/stop"
ANOTHER = "daemon/dash/none/buildbot/stop"


def line(*names: str) -> Line:
    cells = [CATALOGUE.cell(name) for name in names]
    waiting = Line(cells[0].runner)
    for cell in cells:
        waiting.add(cell)
    return waiting


def order(waiting: Line) -> list[str]:
    found: list[Cell] = []
    while not waiting.waiting.empty():
        found.append(waiting.next())
    return [cell.id for cell in found]


def test_who_only_waits_goes_first_and_who_restarts_the_runner_last() -> None:
    assert order(line(RESTART, USUAL, QUEUED)) == [QUEUED, USUAL, RESTART]


def test_else_they_keep_their_order() -> None:
    assert order(line(USUAL, ANOTHER)) == [USUAL, ANOTHER]


def test_what_is_ahead_of_a_line_grows_and_shrinks_with_it() -> None:
    waiting = line(USUAL, QUEUED)
    whole = waiting.ahead_s
    waiting.next()
    assert 0 < waiting.ahead_s < whole
    waiting.next()
    assert waiting.ahead_s == pytest.approx(0.0)


def test_a_job_with_a_queue_behind_it_takes_longer() -> None:
    assert line(QUEUED).ahead_s > line(USUAL).ahead_s

"""The lines of cells before runners: arithmetic only; no test measures time."""

from __future__ import annotations

from dataclasses import replace

from aftercancel.model import Observation, Runner
from benchmarks.runners import lines
from tests.observing import trouble

RUNNERS = {
    "real": Runner("real", "", adapter="real", instances=2),
    "modelled": Runner("modelled", "", model="modelled", instances=2),
}


def waited(runner: str, job: str, seconds: float) -> Observation:
    name = f"{job}/bash/none/{runner}/cancel"
    return replace(trouble(), cell=name, armed_ms=-500.0, decided_ms=seconds * 1000 - 500)


def test_a_line_takes_as_long_as_its_cells_by_its_instances() -> None:
    (line,) = lines([waited("real@1", job, 3) for job in "abcd"], RUNNERS)
    assert (line.runner, line.cells, line.instances, line.bound_s) == ("real@1", 4, 2, 6)


def test_a_line_takes_at_least_as_long_as_its_longest_cell() -> None:
    (line,) = lines([waited("real@1", "a", 9), waited("real@1", "b", 1)], RUNNERS)
    assert (line.bound_s, line.slowest) == (9, "a/bash/none/real@1/cancel")


def test_every_version_has_a_line_of_its_own_and_the_longest_comes_first() -> None:
    seen = [waited("real@1", "a", 3), waited("real@2", "a", 5)]
    assert [line.runner for line in lines(seen, RUNNERS)] == ["real@2", "real@1"]


def test_cells_of_models_wait_for_nobody() -> None:
    (line,) = lines([waited("modelled", job, 3) for job in "abcd"], RUNNERS)
    assert line.bound_s == 3


def test_what_was_never_armed_counts_in_no_line() -> None:
    assert lines([replace(waited("real@1", "a", 3), armed_ms=None)], RUNNERS) == []

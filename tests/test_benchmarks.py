"""The benchmarks' own arithmetic and table; no test measures time."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace

import pytest

from aftercancel import catalog
from aftercancel.cli.selection import select
from benchmarks import memory, sixty
from benchmarks.figures import Aim, Bound, Figure, Section, Verdict, not_measured, table
from benchmarks.lab import bound_s, longest_wait_s
from benchmarks.machine import Look, used_s
from tests.observing import trouble

RATE = Aim(Bound.AT_LEAST, 100)
COST = Aim(Bound.AT_MOST, 15)


@pytest.mark.parametrize(
    ("aim", "value", "verdict"),
    [
        (RATE, 100, Verdict.PASS),
        (RATE, 99.9, Verdict.MISSED),
        (COST, 15, Verdict.PASS),
        (COST, 15.1, Verdict.MISSED),
        (COST, None, Verdict.NOT_MEASURED),
        (None, 1, Verdict.NO_AIM),
    ],
)
def test_a_figure_is_held_against_its_aim(
    aim: Aim | None, value: float | None, verdict: Verdict
) -> None:
    assert Figure("x", value, "ms", aim).verdict is verdict


def test_a_missed_aim_is_missed_by_a_share_of_its_limit() -> None:
    assert RATE.missed_by(75) == 0.25
    assert COST.missed_by(18) == pytest.approx(0.2)
    assert COST.missed_by(3) == 0


def test_the_table_says_in_words_what_was_reached() -> None:
    figures = (
        Figure("cells a second", 120.04, "", RATE),
        Figure("CPU a cell", 30.0, "ms", COST, "kernel included"),
        not_measured("faster", "×", "no engine answers", RATE),
    )
    lines = table([Section("speed", "a sentence", figures)]).splitlines()
    assert lines[0] == "speed: a sentence"
    rows = [" ".join(line.split()) for line in lines]
    assert "cells a second 120.0 ≥ 100 PASS" in rows
    assert "CPU a cell 30 ms ≤ 15 MISSED by 100%" in rows
    assert "faster - ≥ 100 not measured" in rows
    assert "CPU a cell: kernel included" in rows
    assert "faster: no engine answers" in rows


def test_a_run_is_bound_by_its_work_or_by_its_slowest_cell() -> None:
    assert bound_s(cpu_s=10, processors=2, longest_s=4) == 5
    assert bound_s(cpu_s=10, processors=8, longest_s=4) == 4


def test_the_longest_wait_is_from_armed_to_decided() -> None:
    short = replace(trouble(), armed_ms=-20.0, decided_ms=480.0)
    long = replace(trouble(), armed_ms=-1000.0, decided_ms=3000.0)
    never_armed = replace(trouble(), armed_ms=None, decided_ms=9000.0)
    assert longest_wait_s([short, long, never_armed]) == 4
    assert longest_wait_s([]) == 0


def test_what_is_not_unused_is_used() -> None:
    assert used_s(Look(0, 100), Look(10, 105), processors=2) == 15


def test_the_sixty_cells_are_sixty_and_can_be_done_in_containers() -> None:
    cells = sixty.cells(catalog.load())
    assert len({cell.id for cell in cells}) == 60


def test_the_sixty_cells_can_be_selected_exactly() -> None:
    loaded = catalog.load()
    chosen = select(sixty.expression(loaded), loaded.cells(), lambda cell: cell.id)
    assert {cell.id for cell in chosen} == set(sixty.ids())


def test_a_cell_that_needs_a_terminal_is_refused_to_a_container() -> None:
    cell = catalog.load().cell("exit-trap/bash/none/plain-tty/ctrl-c")
    with pytest.raises(ValueError, match="container"):
        sixty.refuse_what_a_container_cannot(cell)


def test_memory_is_that_of_all_descendants() -> None:
    program = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'input()'])"
    with subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE) as process:
        while len(memory.below(process.pid)) < 2:
            assert process.poll() is None
        pids = memory.below(process.pid)
        assert pids[0] == process.pid
        assert os.getpid() not in pids
        assert all(memory.pss_kb(pid) > 0 for pid in pids)
        process.communicate(b"\n")
    assert memory.pss_kb(process.pid) == 0

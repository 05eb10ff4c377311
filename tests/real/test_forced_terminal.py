"""Effects of a forced terminal on the real kernel: one that must show, one that must not."""

from __future__ import annotations

import os
from dataclasses import replace

import pytest

from aftercancel import catalog
from aftercancel.judge.effects import Compared, Difference, compare
from aftercancel.judge.effects_listed import EFFECTS
from aftercancel.model import Cell
from aftercancel.places.this_machine import ThisMachine

CATALOGUE = catalog.load()
EFFECT = {effect.id: effect for effect in EFFECTS}

pytestmark = pytest.mark.skipif(
    not os.path.exists("/usr/sbin/sshd"),
    reason="sshd is not there: apt-get install openssh-server",
)


def row(place: ThisMachine, effect: str) -> Compared:
    """The effect, measured now."""
    return row_of(place, effect, [CATALOGUE.cell(name) for name in EFFECT[effect].cells])


def row_of(place: ThisMachine, effect: str, cells: list[Cell]) -> Compared:
    (found,) = compare(place.measure(cells), [EFFECT[effect]])
    return found


def test_stderr_that_a_terminal_merges_into_stdout_shows_as_an_effect(place: ThisMachine) -> None:
    found = row(place, "stderr-apart")
    assert found.difference is Difference.DIFFERS
    assert (found.without.seen, found.with_terminal.seen) == (("on stderr",), ("on stdout",))


def test_an_exit_status_that_a_terminal_leaves_alone_shows_as_no_effect(place: ThisMachine) -> None:
    found = row(place, "exit-status")
    assert found.difference is Difference.SAME
    assert found.with_terminal.seen == ("ssh ended with status 3",)


def test_bytes_are_compared_as_they_were_and_not_as_text(place: ThisMachine) -> None:
    found = row(place, "output-bytes")
    assert found.without.seen == ("all 256 bytes as they were",)
    assert found.with_terminal.seen == ("255 of 256 bytes as they were; 0x0a arrived as 0x0d 0x0a",)


def test_an_end_of_input_that_never_comes_is_a_job_that_hangs(place: ThisMachine) -> None:
    found = row(place, "end-of-input")
    assert (found.without.seen, found.with_terminal.seen) == (("it is",), ("hung: cat waits",))


def test_a_byte_that_signals_is_told_by_the_signal(traced: ThisMachine) -> None:
    found = row(traced, "ctrl-c")
    assert found.without.seen == ("all 12 bytes as they were",)
    assert found.with_terminal.seen == ("INT to the job, ssh ended with status 255",)


def test_a_client_that_is_killed_leaves_its_terminal_raw(place: ThisMachine) -> None:
    found = row(place, "local-kill")
    assert found.without.seen == ("as before",)
    assert found.with_terminal.seen[0].startswith("left raw: ")


def test_a_background_child_that_the_end_of_the_session_hangs_up_on_is_told(
    traced: ThisMachine,
) -> None:
    found = row(traced, "background-silent")
    assert found.without.seen == ("it lives on, ssh has ended",)
    assert found.with_terminal.seen == ("it died of HUP",)


def test_without_the_trace_the_end_of_a_child_is_not_guessed(without_trace: ThisMachine) -> None:
    found = row(without_trace, "background-silent")
    assert found.difference is Difference.COULD_NOT_TELL
    assert found.with_terminal.seen == ()


def test_a_connection_that_is_refused_is_no_effect(place: ThisMachine) -> None:
    without, with_terminal = (CATALOGUE.cell(name) for name in EFFECT["stderr-apart"].cells)
    launcher = with_terminal.launcher
    refused = replace(launcher, argv=(*launcher.argv[:3], "-l", "stranger", *launcher.argv[3:]))
    found = row_of(place, "stderr-apart", [without, replace(with_terminal, launcher=refused)])
    assert found.difference is Difference.COULD_NOT_TELL
    assert "Permission denied" in found.with_terminal.why_not

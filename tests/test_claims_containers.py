"""The claims on containers, each over cells that are told by hand: what is yes, no, or not told.

An observation of such a runner is judged as soon as there is one: here are some, made by hand.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from aftercancel.judge.claims import Holds
from aftercancel.model import (
    Declared,
    Disposition,
    Observation,
    Process,
    Signal,
)
from tests.judging_claims import answer, at
from tests.observing import RUNNER, job, launcher, says, sent

YES, NO, UNTOLD = Holds.YES, Holds.NO, Holds.UNTOLD
CAUGHT, IGNORED = Disposition.CAUGHT, Disposition.IGNORED
LIVES: dict[str, Any] = {"ended": None, "signal": None, "doomed_ms": None}
EXIT = Declared(("EXIT begin", "EXIT end"), "EXIT")
RAN = (says("EXIT begin"), says("EXIT end", at=3.0))

# X1 and X2: containers


def stops_of(without: Any, having: Any, declared: Declared = EXIT) -> list[Observation]:
    return [
        at(f"exit-trap/bash/{name}/plain/docker-stop", one, marks=marks, declared=declared)
        for name, (one, marks) in (("docker-run", without), ("docker-run-init", having))
    ]


DIES, IS_KILLED = job(), job(of="KILL")


def test_a_clean_up_that_only_init_brings_about_is_a_difference() -> None:
    assert answer("X1", *stops_of((IS_KILLED, ()), (DIES, RAN))) is YES


def test_without_a_clean_up_another_end_is_a_difference() -> None:
    nothing = Declared()
    assert answer("X1", *stops_of((IS_KILLED, ()), (DIES, ()), nothing)) is YES
    assert answer("X1", *stops_of((DIES, ()), (DIES, ()), nothing)) is NO


@pytest.mark.parametrize(
    ("without", "having"),
    [
        ((DIES, RAN), (DIES, RAN)),
        ((IS_KILLED, RAN[:1]), (DIES, RAN)),
        ((IS_KILLED, ()), (DIES, ())),
    ],
    ids=["no difference", "cut off", "never"],
)
def test_no_time_or_no_difference_is_not_what_was_said(without: Any, having: Any) -> None:
    assert answer("X1", *stops_of(without, having)) is NO


def test_a_clean_up_of_which_nobody_knows_whether_it_ran_shows_no_difference() -> None:
    nobodys = tuple(replace(mark, role=None) for mark in (RAN[0], RAN[0], RAN[1]))
    assert answer("X1", *stops_of((DIES, nobodys), (DIES, RAN))) is UNTOLD


CLIENT = launcher("docker", key=1, ended=4.0, status=143)
INSIDE = job(key=2, parent=None)


def client_told(*signals: Signal, inside: Process = INSIDE) -> Observation:
    where = "no-trap/dash/docker-exec/plain/TERM-process"
    told = (sent("TERM", RUNNER, CLIENT, CAUGHT), *signals)
    return at(where, CLIENT, inside, signals=told)


def test_term_that_the_job_gets_from_whomever_has_reached_it() -> None:
    assert answer("X2", client_told(sent("TERM", None, INSIDE, at=2.0))) is YES
    assert answer("X2", client_told(sent("TERM", None, INSIDE, IGNORED, at=2.0))) is YES


def test_a_job_that_gets_no_term_was_not_reached() -> None:
    alone = job(key=2, parent=None, **LIVES)
    assert answer("X2", client_told(inside=alone)) is NO
    assert answer("X2", client_told(sent("KILL", None, INSIDE, at=2.0))) is NO


def test_a_client_that_got_no_term_cannot_pass_it_on() -> None:
    where = "no-trap/dash/docker-run/plain/TERM-process"
    assert answer("X2", at(where, CLIENT, INSIDE)) is UNTOLD


def test_where_no_client_is_told_from_the_job_nothing_was_passed_on() -> None:
    one = job()
    where = "no-trap/dash/docker-run/plain/TERM-process"
    assert answer("X2", at(where, one, signals=(sent("TERM", RUNNER, one),))) is UNTOLD

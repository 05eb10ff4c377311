"""The claims on runners, each over cells that are told by hand: what is yes, no, or not told.

An observation of such a runner is judged as soon as there is one: here are some, made by hand.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from aftercancel.judge.claims import Holds, Verdict
from aftercancel.model import (
    Declared,
    Disposition,
    End,
    Evidence,
    Observation,
    Process,
    Report,
    Said,
)
from tests.judging_claims import CLAIMS, answer, answers, at, judged_by, runner_ended
from tests.observing import RUNNER, child, job, says, sent, survivor

YES, NO, UNTOLD = Holds.YES, Holds.NO, Holds.UNTOLD
CAUGHT, IGNORED = Disposition.CAUGHT, Disposition.IGNORED
LIVES: dict[str, Any] = {"ended": None, "signal": None, "doomed_ms": None}
EXIT = Declared(("EXIT begin", "EXIT end"), "EXIT")
RAN = (says("EXIT begin"), says("EXIT end", at=3.0))


@pytest.mark.parametrize("name", [name for name in CLAIMS if name[0] in "RSX"])
def test_without_such_a_runner_a_claim_is_not_measured(name: str) -> None:
    assert judged_by(name, at("no-trap/bash/none/plain/TERM-group", job())).verdict is (
        Verdict.NOT_MEASURED
    )


# R1 and R9: KILL for what ignores TERM

IN_GITLAB = "ignoring-child/bash/none/gitlab-runner@17.3.1/canceling"
IN_BUILDBOT = "ignore-term/dash/none/buildbot-sigterm@4.3.0/cancel"


def deaf(where: str, *, killed: bool = False, met: Any = IGNORED, **more: Any) -> Observation:
    """A child that ignored the runner's TERM."""
    one = child(ended=9.0, signal="KILL") if killed else survivor()
    signals = [sent("TERM", RUNNER, one, met)]
    signals += [sent("KILL", RUNNER, one, at=8.0)] if killed else []
    return at(where, job(), one, signals=tuple(signals), **more)


@pytest.mark.parametrize(("name", "where"), [("R1", IN_GITLAB), ("R9", IN_BUILDBOT)])
def test_what_ignores_term_and_dies_of_the_runners_kill_is_killed(name: str, where: str) -> None:
    assert answer(name, deaf(where, killed=True)) is YES


@pytest.mark.parametrize(("name", "where"), [("R1", IN_GITLAB), ("R9", IN_BUILDBOT)])
def test_what_ignores_term_and_is_there_after_the_report_is_not_killed(
    name: str, where: str
) -> None:
    assert answer(name, deaf(where)) is NO


@pytest.mark.parametrize(("name", "where"), [("R1", IN_GITLAB), ("R9", IN_BUILDBOT)])
def test_while_the_runner_waits_a_kill_may_still_come(name: str, where: str) -> None:
    assert answer(name, deaf(where, report=None)) is UNTOLD


def test_what_ignores_term_and_ends_after_the_report_is_not_killed_either() -> None:
    assert answer("R1", ends_by_itself(600.0)) is NO


def test_what_ends_by_itself_while_the_runner_waits_need_not_be_killed() -> None:
    assert answer("R1", ends_by_itself(4.0)) is UNTOLD


def ends_by_itself(at_ms: float) -> Observation:
    one = child(ended=at_ms, signal=None, status=0, doomed_ms=None)
    return at(IN_GITLAB, job(), one, signals=(sent("TERM", RUNNER, one, IGNORED),))


@pytest.mark.parametrize(("name", "where"), [("R1", IN_GITLAB), ("R9", IN_BUILDBOT)])
def test_where_nobody_ignored_term_nobody_had_to_be_killed(name: str, where: str) -> None:
    assert answer(name, deaf(where, killed=True, met=CAUGHT)) is UNTOLD


def test_another_executor_is_not_the_shell_executor() -> None:
    assert not answers("R1", deaf(IN_GITLAB.replace("runner@", "runner-custom@"), killed=True))


# R2

HAS_ONE = Declared(("after_script begin", "after_script end"))
CALLED = (says("after_script begin"), says("after_script end", at=3.0))


def by_two(canceling: Any, other: Any, cancellation: str = "canceled") -> list[Observation]:
    ways = {"canceling": canceling, cancellation: other}
    where = "no-trap/bash/none/gitlab-runner@17.3.1"
    return [at(f"{where}/{w}", job(), marks=m, declared=HAS_ONE) for w, m in ways.items()]


def test_an_after_script_that_only_canceling_runs_is_as_was_said() -> None:
    assert answer("R2", *by_two(CALLED, ())) is YES
    assert answer("R2", *by_two(CALLED, (), "job-timeout")) is YES


@pytest.mark.parametrize(("canceling", "other"), [(CALLED, CALLED), ((), ()), ((), CALLED)])
def test_an_after_script_that_both_or_the_other_runs_is_not(canceling: Any, other: Any) -> None:
    assert answer("R2", *by_two(canceling, other)) is NO


def test_an_after_script_that_is_cut_off_did_not_run() -> None:
    assert answer("R2", *by_two(CALLED[:1], ())) is NO


def test_a_job_without_an_after_script_says_nothing_of_it() -> None:
    without = [replace(o, declared=Declared()) for o in by_two((), ())]
    assert answer("R2", *without) is UNTOLD


def test_before_the_report_an_after_script_may_still_come() -> None:
    first, other = by_two(CALLED, ())
    assert answer("R2", first, replace(other, report=None)) is UNTOLD


def test_each_timeout_makes_a_case_of_its_own() -> None:
    timeouts = by_two(CALLED, (), "job-timeout") + by_two(CALLED, CALLED, "script-timeout")[1:]
    assert [holds for holds, _ in answers("R2", *timeouts)] == [YES, NO]


# R3, R7, R10: time for a clean-up

CLEANS = [
    ("R3", "exit-trap/dash/none/gitlab-runner@18.0.0/canceled"),
    ("R7", "exit-trap/bash-e/none/github-actions/cancel"),
    ("R10", "exit-trap/bash/none/act@0.2.87/runner-INT"),
]


@pytest.mark.parametrize(("name", "where"), CLEANS)
def test_a_clean_up_that_runs_to_its_end_had_its_time(name: str, where: str) -> None:
    assert answer(name, at(where, job(), marks=RAN, declared=EXIT)) is YES


@pytest.mark.parametrize(("name", "where"), CLEANS)
@pytest.mark.parametrize("marks", [(), RAN[:1]], ids=["skipped", "cut off"])
def test_a_clean_up_that_does_not_had_not(name: str, where: str, marks: Any) -> None:
    assert answer(name, at(where, job(of="KILL"), marks=marks, declared=EXIT)) is NO


@pytest.mark.parametrize(("name", "where"), CLEANS)
def test_a_job_that_nobody_has_given_up_may_still_clean_up(name: str, where: str) -> None:
    assert answer(name, at(where, job(**LIVES), declared=EXIT, report=None)) is UNTOLD


@pytest.mark.parametrize(("name", "where"), CLEANS)
def test_a_job_without_a_clean_up_needs_no_time(name: str, where: str) -> None:
    assert answer(name, at(where, job())) is UNTOLD


def test_the_version_decides_where_a_trap_runs_in_one_and_not_in_the_other() -> None:
    old, new = (CLEANS[0][1].replace("18.0.0", version) for version in ("17.3.1", "19.1.0"))
    cells = (at(old, job(), declared=EXIT), at(new, job(), marks=RAN, declared=EXIT))
    assert judged_by("R3", *cells).verdict is Verdict.DEPENDS


# R4


def the_runner_dies(*processes: Process, at_ms: float = 50.0, by: str = "TERM") -> Observation:
    where = f"ignore-term/bash/none/gitlab-runner@19.4.0/runner-{by}"
    told = at(where, *processes, report=None, runner_end=End(signal=by))
    return runner_ended(told, at_ms, end=End(signal=by))


def test_a_runner_that_takes_everything_with_it_leaves_nothing() -> None:
    assert answer("R4", the_runner_dies(job(), child())) is YES


def test_a_process_that_is_there_when_the_runner_is_gone_is_left() -> None:
    assert answer("R4", the_runner_dies(job(), survivor())) is NO


def test_a_process_that_outlives_the_runner_for_a_while_is_left_too() -> None:
    later = child(ended=600.0, doomed_ms=None, signal=None, status=0)
    assert answer("R4", the_runner_dies(job(), later)) is NO


def test_a_runner_that_waits_for_its_job_has_left_nothing_yet() -> None:
    where = "no-trap/bash/none/gitlab-runner@19.4.0/runner-QUIT"
    assert answer("R4", at(where, job(**LIVES), report=None)) is UNTOLD


# R5


def in_pipeline(met: Disposition, *, to_job: bool = True, **more: Any) -> Observation:
    one = job(**LIVES)
    heard = sent("INT", RUNNER, one if to_job else child(), met)
    where = "all-traps/bash/none/jenkins-pipeline@2.578/INT-group"
    return at(where, one, child(), signals=(heard,), report=None, **more)


def test_a_signal_that_the_job_ignores_fires_no_trap() -> None:
    assert answer("R5", in_pipeline(IGNORED)) is YES


def test_a_signal_that_the_job_catches_may_fire_one() -> None:
    assert answer("R5", in_pipeline(CAUGHT)) is NO


def test_a_job_that_was_not_signalled_or_had_no_handler_says_nothing() -> None:
    assert answer("R5", in_pipeline(IGNORED, to_job=False)) is UNTOLD
    assert answer("R5", in_pipeline(Disposition.DEFAULT)) is UNTOLD


# R6


def stepped_aside(name: str, *, ended_by_runner: bool) -> Observation:
    aside = survivor("background", key=4, group=6)
    if ended_by_runner:
        aside = replace(aside, ended_ms=7.0, end=End(signal="TERM"))
    signals = (sent("TERM", RUNNER, aside, at=6.0),) if ended_by_runner else ()
    return at(f"{name}/bash/none/hudson@3.3.2/abort", job(), aside, signals=signals)


def by_cookie(carries: bool, escapes: bool) -> list[Observation]:
    return [
        stepped_aside("setsid-child", ended_by_runner=carries),
        stepped_aside("setsid-dont-kill-me", ended_by_runner=escapes),
    ]


def test_what_carries_the_cookie_ends_and_what_does_not_escapes() -> None:
    assert answer("R6", *by_cookie(carries=True, escapes=False)) is YES


@pytest.mark.parametrize(("carries", "escapes"), [(True, True), (False, False), (False, True)])
def test_if_both_end_or_the_one_that_carries_it_lives_the_cookie_is_not_what_decides(
    carries: bool, escapes: bool
) -> None:
    assert answer("R6", *by_cookie(carries, escapes)) is NO


def test_where_nothing_stepped_aside_the_cookie_was_not_asked_for() -> None:
    carries, escapes = by_cookie(carries=True, escapes=False)
    assert answer("R6", carries, replace(escapes, processes=(RUNNER, job()))) is UNTOLD


def test_what_ends_by_itself_has_not_escaped() -> None:
    carries, escapes = by_cookie(carries=True, escapes=False)
    over = replace(escapes.processes[-1], ended_ms=9.0, end=End(0))
    by_itself = replace(escapes, processes=(*escapes.processes[:-1], over))
    assert answer("R6", carries, by_itself) is UNTOLD


# R8


def version(number: str, runner: str = "buildkite-agent", **more: Any) -> Observation:
    return at(f"no-trap/bash/none/{runner}@{number}/cancel", job(), **more)


def test_versions_with_one_fingerprint_cancel_alike() -> None:
    assert answer("R8", version("3.62.0"), version("3.137.0")) is YES


def test_versions_with_different_fingerprints_do_not() -> None:
    failed = Report(5.0, Said.FAILED, End(signal="TERM"))
    assert answer("R8", version("3.62.0"), version("3.137.0", report=failed)) is NO


def test_of_many_versions_each_is_compared_with_the_next_in_the_order_of_numbers() -> None:
    failed = Report(5.0, Said.FAILED, End(signal="TERM"))
    cells = (version("3.137.0", report=failed), version("3.62.0"), version("3.75.1"))
    found = judged_by("R8", *cells)
    assert [(c.words["version"], c.holds) for c in found.cases] == [
        ("3.62.0 and 3.75.1", YES),
        ("3.75.1 and 3.137.0", NO),
    ]


def test_versions_of_which_the_end_of_a_process_is_not_known_are_not_told_apart() -> None:
    late = child(ended=900.0, signal=None, status=0, doomed_ms=None)
    by_proc = at(
        "no-trap/bash/none/buildkite-agent@3.137.0/cancel", job(), late, evidence=Evidence.PROC
    )
    assert answer("R8", version("3.62.0"), by_proc) is UNTOLD


def test_one_version_alone_or_a_terminal_and_none_are_not_compared() -> None:
    assert not answers("R8", version("3.62.0"))
    assert not answers("R8", version("3.62.0"), version("3.137.0", "buildkite-agent-pty"))

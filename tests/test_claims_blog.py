"""The blog's claims, each over cells that are told by hand: what is yes, no, or not told."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from aftercancel.judge.claims import Holds
from aftercancel.model import Declared, End, Evidence, Observation, Process, Report, Said
from tests.judging_claims import answer, answers, at
from tests.observing import RUNNER, child, job, launcher, process, says, sent, to_group

YES, NO, UNTOLD = Holds.YES, Holds.NO, Holds.UNTOLD
LIVES: dict[str, Any] = {"ended": None, "signal": None, "doomed_ms": None}
FAILED: dict[str, Any] = {"dies_at": 0.0, "signal": None, "status": 1, "doomed_ms": None}


def task(**more: Any) -> Process:
    """The background task; unless told otherwise it ends by itself, after the script."""
    return process("background", **{"key": 2, "ended": 700.0, "status": 0, **more})


def reports(at_ms: float) -> Report:
    return Report(at_ms, Said.FAILED, End(1))


# B1

A_RUNNER = "gitlab-runner@17.3.1"


def over(report: Report | None, *tasks: Process, runner: str = A_RUNNER, **more: Any) -> Any:
    where = f"background-holds-output-fails/bash-e/none/{runner}/end"
    return at(where, job(**FAILED), *tasks, fired=(), report=report, **more)


def test_a_runner_that_reports_when_the_task_is_done_has_waited() -> None:
    assert answer("B1", over(reports(701.0), task())) is YES


def test_a_runner_that_has_not_reported_while_the_task_runs_waits() -> None:
    assert answer("B1", over(None, task(**LIVES))) is YES


def test_a_runner_that_reports_while_the_task_runs_has_not_waited() -> None:
    assert answer("B1", over(reports(2.0), task())) is NO
    assert answer("B1", over(reports(2.0), task(**LIVES))) is NO


def test_a_task_that_a_signal_ends_was_interrupted() -> None:
    ended = task(ended=3.0, status=None, signal="KILL")
    assert answer("B1", over(reports(4.0), ended)) is NO


@pytest.mark.parametrize("tasks", [(), (task(ended=-5.0),)], ids=["none", "over before"])
def test_without_a_task_that_is_left_behind_nobody_could_wait(tasks: tuple[Process, ...]) -> None:
    assert answer("B1", over(reports(4.0), *tasks)) is UNTOLD


def test_a_runner_that_died_did_not_wait() -> None:
    assert answer("B1", over(None, task(**LIVES), runner_end=End(signal="KILL"))) is UNTOLD


def test_proc_cannot_tell_whether_the_runner_waited() -> None:
    assert answer("B1", over(reports(2.0), task(), evidence=Evidence.PROC)) is UNTOLD


def test_every_runner_is_asked() -> None:
    assert answer("B1", over(reports(701.0), task(), runner="jenkins@2.400")) is YES
    assert answer("B1", over(reports(701.0), task(), runner="a-runner-of-tomorrow")) is YES


@pytest.mark.parametrize("runner", ["plain", "plain-eof", "plain-tty"])
def test_when_the_labs_own_runners_report_is_no_evidence(runner: str) -> None:
    assert not answers("B1", over(reports(701.0), task(), runner=runner))


# B2

CALLED = (says("after_script begin", at=50.0), says("after_script end", at=60.0))
HAS_ONE = Declared(("after_script begin", "after_script end"))


def under_gitlab(*processes: Process, **more: Any) -> Observation:
    where = "background-silent/bash/none/gitlab-runner@17.3.1/canceling"
    return at(where, *processes, **{"declared": HAS_ONE, **more})


def test_an_after_script_that_is_called_when_all_is_over_does_not_help() -> None:
    assert answer("B2", under_gitlab(job(), task(ended=40.0), marks=CALLED)) is YES


def test_an_after_script_that_is_never_called_does_not_help() -> None:
    assert answer("B2", under_gitlab(job(), task(**LIVES))) is YES


def test_an_after_script_that_is_called_while_the_task_runs_helps() -> None:
    assert answer("B2", under_gitlab(job(), task(**LIVES), marks=CALLED)) is NO


def test_an_after_script_that_is_called_while_the_script_runs_is_called_before() -> None:
    running = job(**{**LIVES, "dies_at": None})
    assert answer("B2", under_gitlab(running, task(ended=2.0), marks=CALLED)) is NO


def test_without_a_background_task_there_is_nothing_to_help_against() -> None:
    assert answer("B2", under_gitlab(job(), marks=CALLED)) is UNTOLD


def test_whether_there_is_an_after_script_must_be_known() -> None:
    assert answer("B2", under_gitlab(job(), task(), declared=Declared())) is UNTOLD


# B3 and B5: the blog's script

TUNNEL = {"key": 6, "parent": 5, "user": "root"}
SUDO = launcher("sudo", key=5, parent=1)
PKILL = process("pkill", "/usr/bin/pkill", "tunnel", key=9, parent=8, ended=30.0, status=0)
IN_TRAP = (says("cleanup begin"), says("cleanup end", at=31.0))


def tunnel(**more: Any) -> Process:
    return process(
        "tunnel", "/home/ci/tunnel", **{**TUNNEL, "ended": 29.0, "signal": "TERM", **more}
    )


def story(*processes: Process, to: str = "INT-group", **more: Any) -> Observation:
    return at(f"vpn-through-sudo/bash/none/plain/{to}", job(), *processes, **more)


def by_pkill(**more: Any) -> Observation:
    gone = tunnel()
    return story(SUDO, gone, PKILL, signals=(sent("TERM", PKILL, gone, at=28.0),), **more)


def by_sudo(**more: Any) -> Observation:
    gone = tunnel(ended=0.5)
    return story(SUDO, gone, signals=(sent("TERM", SUDO, gone),), **more)


def passed_by() -> Observation:
    told = to_group(sent("KILL", RUNNER, job()))
    return story(SUDO, tunnel(**LIVES), signals=(told,))


def test_a_tunnel_that_the_scripts_pkill_ends_is_stopped_by_it() -> None:
    assert answer("B3", by_pkill(marks=IN_TRAP)) is YES
    assert answer("B3", by_pkill()) is YES


def test_a_tunnel_that_lives_is_not_stopped() -> None:
    assert answer("B3", story(SUDO, tunnel(**LIVES))) is NO


def test_a_tunnel_that_sudo_ends_while_the_trap_is_silent_is_not_stopped_by_the_script() -> None:
    assert answer("B3", by_sudo()) is NO


def test_a_tunnel_that_was_gone_before_the_trap_came_says_nothing_of_it() -> None:
    assert answer("B3", by_sudo(marks=IN_TRAP)) is UNTOLD
    assert answer("B3", story(SUDO)) is UNTOLD


def test_rules_by_which_the_tunnel_is_started_and_stopped_are_enough() -> None:
    assert answer("B5", by_pkill()) is YES
    assert answer("B5", by_sudo()) is YES


def test_rules_with_which_the_runners_signal_passes_the_tunnel_by_are_not_enough() -> None:
    assert answer("B5", passed_by()) is NO


def test_rules_with_which_pkill_does_not_end_the_tunnel_are_not_enough() -> None:
    assert answer("B5", story(SUDO, tunnel(**LIVES), PKILL)) is NO


def test_rules_that_do_not_make_the_tunnel_root_are_not_enough() -> None:
    assert answer("B5", story(SUDO, tunnel(user="ci"))) is NO
    assert answer("B5", story(SUDO)) is NO


def test_where_nobody_tried_to_stop_the_tunnel_the_rules_are_not_tried() -> None:
    only_the_job = (sent("TERM", RUNNER, job()),)
    assert answer("B5", story(SUDO, tunnel(**LIVES), signals=only_the_job)) is UNTOLD


def test_a_tunnel_that_ended_by_itself_was_not_stopped() -> None:
    assert answer("B5", story(SUDO, tunnel(signal=None, status=0))) is UNTOLD


# B4


def fails(trap: str, *marks: str, name: str = "errexit-exit-trap", status: int = 1) -> Observation:
    one = job(**{**FAILED, "status": status})
    declared = Declared((f"{trap} begin", f"{trap} end"), trap)
    said = tuple(says(mark, at=-5.0 + n) for n, mark in enumerate(marks))
    more: dict[str, Any] = {
        "fired": (),
        "marks": said,
        "declared": declared,
        "report": reports(1.0),
    }
    return at(f"{name}/dash/none/plain/end", one, child(ended=-9.0, signal=None, status=0), **more)


def test_an_exit_trap_that_does_not_run_after_an_error_cannot_trap_it() -> None:
    assert answer("B4", fails("EXIT")) is YES


def test_an_exit_trap_that_runs_after_an_error_traps_it() -> None:
    assert answer("B4", fails("EXIT", "EXIT begin", "EXIT end")) is NO


def test_an_err_trap_extends_the_shell_if_it_runs() -> None:
    ran = fails("cleanup", "cleanup begin", "cleanup end", name="err-trap")
    assert answer("B4", ran) is YES
    assert answer("B4", fails("cleanup", name="err-trap")) is NO


def test_where_no_error_ended_the_script_there_was_nothing_to_trap() -> None:
    assert answer("B4", fails("EXIT", "EXIT begin", "EXIT end", status=0)) is UNTOLD
    assert answer("B4", fails("EXIT", "after", "EXIT begin", "EXIT end")) is UNTOLD


def test_a_script_without_a_trap_cannot_show_what_traps_do() -> None:
    assert answer("B4", replace(fails("EXIT"), declared=Declared())) is UNTOLD


def test_other_shells_and_flags_make_cases_of_their_own() -> None:
    assert len(answers("B4", fails("EXIT"), fails("EXIT", name="errexit-function"))) == 2

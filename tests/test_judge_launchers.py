"""The outcome where a launcher stands between runner and job, or the kernel refuses a signal."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from aftercancel.model import (
    CleanUp,
    End,
    Evidence,
    Fired,
    Observation,
    Process,
    Processes,
    Report,
    Said,
    Truth,
)
from tests.observing import (
    RUNNER,
    cell,
    ended_by_itself,
    job,
    launcher,
    process,
    verdict,
    with_cleanup,
)


def behind_sudo(**more: Any) -> tuple[Process, Process]:
    """sudo, which ends, and the job that it started."""
    return launcher(), process("job", "/bin/bash", "/lab/job.sh", key=2, parent=1, **more)


def test_a_clean_up_that_never_began_is_explained_by_the_job_and_not_by_its_launcher() -> None:
    sudo, shell = behind_sudo(ended=2.0, signal="KILL")
    found = verdict(with_cleanup(processes=(sudo, shell)))
    assert "(EXIT) never began: job (bash /lab/job.sh) died of KILL" in found.reason


def test_a_job_that_lives_on_behind_its_launcher_is_orphaned_by_its_own_role() -> None:
    found = verdict(cell(*behind_sudo()))
    assert (found.processes, found.roles, found.report) == (
        Processes.ORPHANED,
        ("job",),
        Truth.EARLY,
    )


def test_a_launcher_that_does_not_end_hangs_the_runner() -> None:
    sudo, shell = behind_sudo()
    hung = verdict(cell(replace(sudo, end=None, ended_ms=None), shell, report=None))
    assert "after the cancellation: sudo was still there, and so was job." in hung.reason
    sudo, shell = behind_sudo(ended=2.0, status=0)
    hung = verdict(cell(replace(sudo, end=None, ended_ms=None), shell, report=None))
    assert "after the cancellation: sudo was still there, although job was gone." in hung.reason


def test_a_job_that_holds_the_output_of_its_launcher_hangs_the_runner() -> None:
    hung = verdict(cell(*behind_sudo(), report=None))
    assert "although sudo was gone and only job was still there" in hung.reason


def test_proc_evidence_knows_from_the_runner_that_the_launcher_is_gone_and_no_more() -> None:
    sudo, shell = behind_sudo(ended=300.0)
    seen_late = replace(sudo, ended_ms=300.0, end=End())
    unknown = verdict(cell(seen_late, shell, evidence=Evidence.PROC))
    assert unknown.processes is Processes.UNKNOWN
    gone = replace(shell, ended_ms=2.0)
    assert verdict(cell(seen_late, gone, evidence=Evidence.PROC)).processes is Processes.GONE


@pytest.mark.parametrize(
    ("said", "of_launcher", "of_job", "expected"),
    [
        (Said.SUCCESS, 0, 0, Truth.TRUTHFUL),
        (Said.FAILED, 1, 3, Truth.TRUTHFUL),
        (Said.SUCCESS, 0, 3, Truth.WRONG),
        (Said.FAILED, 1, 0, Truth.WRONG),
    ],
)
def test_a_launcher_that_passes_another_status_on_makes_the_report_wrong(
    said: Said, of_launcher: int, of_job: int, expected: Truth
) -> None:
    _, shell = behind_sudo(ended=2.0, status=of_job)
    script = launcher("script", status=of_launcher)
    found = verdict(ended_by_itself(script, shell, said=said, status=of_launcher))
    assert found.report is expected
    if expected is Truth.WRONG:
        words = f"although job ended with status {of_job}: script ended with status {of_launcher}"
        assert words in found.reason


def test_a_runner_that_says_another_end_than_its_launchers_is_wrong_about_that() -> None:
    sudo, shell = behind_sudo(ended=2.0, status=0)
    found = verdict(ended_by_itself(sudo, shell, said=Said.SUCCESS, status=3))
    assert "The runner said success although sudo ended with status 3." in found.reason


def stepped_aside(**more: Any) -> Observation:
    """The launcher had ended, and the runner said success, before anybody could cancel."""
    setsid = launcher("setsid", ended=-20.0, status=0)
    shell = process("job", "/bin/bash", "/lab/job.sh", key=2, parent=1)
    report = Report(-19.0, Said.SUCCESS, End(0))
    return with_cleanup(processes=(setsid, shell), **{"report": report, **more})


TOO_LATE = Fired(0.0, "TERM to process", "No such process")


@pytest.mark.parametrize("fired", [(), (TOO_LATE,)], ids=["not fired", "fired in vain"])
def test_a_launcher_that_steps_aside_leaves_a_job_that_nobody_can_cancel(
    fired: tuple[Fired, ...],
) -> None:
    found = verdict(stepped_aside(fired=fired))
    assert (found.processes, found.cleanup, found.report) == (
        Processes.ORPHANED,
        CleanUp.SKIPPED,
        Truth.EARLY,
    )
    assert found.reason.endswith(
        "For the runner it was over before it was told to cancel (setsid ended with status 0). "
        "Nothing of the cancellation reached anybody."
    )


def test_what_is_fired_behind_a_launcher_that_steps_aside_may_reach_the_job() -> None:
    found = verdict(stepped_aside(fired=(Fired(0.0, "close terminal"),)))
    assert "For the runner it was over before" in found.reason
    assert "Nothing of the cancellation" not in found.reason


def test_a_launcher_that_proc_never_saw_has_stepped_aside_as_well() -> None:
    shell = process("job", "/bin/bash", "/lab/job.sh", parent=None)
    seen = replace(stepped_aside(fired=(), evidence=Evidence.PROC), processes=(RUNNER, shell))
    assert (verdict(seen).processes, verdict(seen).report) == (
        Processes.ORPHANED,
        Truth.EARLY,
    )


def test_a_cell_without_a_cancellation_has_none_that_came_too_late() -> None:
    setsid, shell = launcher("setsid", ended=-20.0, status=0), behind_sudo()[1]
    found = verdict(ended_by_itself(setsid, shell, said=Said.SUCCESS))
    assert (found.processes, found.report) == (Processes.ORPHANED, Truth.EARLY)
    assert "cancel" not in found.reason


def test_a_job_that_was_never_armed_behind_such_a_launcher_is_unknown() -> None:
    assert not verdict(stepped_aside(armed_ms=None)).known


def test_a_job_that_was_gone_before_it_could_be_cancelled_is_unknown() -> None:
    setsid, shell = launcher("setsid", ended=-20.0, status=0), job(key=2, parent=1, dies_at=-30.0)
    found = stepped_aside()
    gone = replace(found, processes=(RUNNER, setsid, shell))
    assert not verdict(gone).known


# -- a cancellation that is refused


EPERM = "Operation not permitted"


@pytest.mark.parametrize("evidence", Evidence)
def test_a_cancellation_that_was_refused_says_that_it_reached_nobody(evidence: Evidence) -> None:
    sudo, shell = behind_sudo()
    found = verdict(
        cell(
            replace(sudo, end=None, ended_ms=None),
            shell,
            fired=(Fired(0.0, "TERM to process", EPERM),),
            report=None,
            evidence=evidence,
        )
    )
    assert found.report is Truth.HUNG
    assert (
        f"The runner may not signal every process: TERM to process was refused ({EPERM}). "
        "Nothing of the cancellation reached anybody." in found.reason
    )


def test_a_step_that_was_refused_beside_others_is_told() -> None:
    fired = (Fired(0.0, "TERM to process", EPERM), Fired(0.1, "TERM to group"))
    found = verdict(cell(job(), fired=fired))
    assert found.reason.endswith(f"TERM to process was refused ({EPERM}).")


def test_a_step_that_came_too_late_is_no_refusal() -> None:
    fired = (Fired(0.0, "TERM to group"), Fired(400.0, "TERM to group", "No such process"))
    assert "refused" not in verdict(cell(job(), fired=fired)).reason

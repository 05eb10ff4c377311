"""The outcome's three axes, and the sentences that explain them.

Above 400 lines because the three axes are judged over the same cells.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from aftercancel import judge
from aftercancel.model import (
    CleanUp,
    Decided,
    Declared,
    Disposition,
    Dispositions,
    End,
    Evidence,
    Left,
    LeftFile,
    Outcome,
    Processes,
    Report,
    Said,
    Sent,
    Stream,
    TroubleKind,
    Truth,
)
from tests.observing import (
    RUNNER,
    cell,
    child,
    ended_by_itself,
    job,
    launcher,
    process,
    says,
    sent,
    survivor,
    trouble,
    verdict,
    with_cleanup,
)

LOCK = LeftFile("/home/ci/lock", 4, "file")


def test_a_job_whose_processes_all_die_at_once_is_gone_and_its_report_truthful() -> None:
    found = verdict(cell(job(), child()))
    assert (found.processes, found.cleanup, found.report) == (
        Processes.GONE,
        CleanUp.NONE_DECLARED,
        Truth.TRUTHFUL,
    )
    assert found.reason == (
        "Every process was gone by the time of the report. The job declares no clean-up. "
        "The runner said cancelled when the last process was gone."
    )


@pytest.mark.parametrize(
    ("ended", "words"),
    [
        (5.0, "by the time of the report. "),
        (5.1, "by the time of the report, or within 0.1 s of it. "),
        (400.0, "by the time of the report, or had its death sentence within 0.1 s of it. "),
    ],
)
def test_the_sentence_knows_of_a_death_after_the_report_that_counts_as_before(
    ended: float, words: str
) -> None:
    found = verdict(cell(job(), child(ended=ended)))
    assert found.processes is Processes.GONE
    assert found.reason.startswith(f"Every process was gone {words}")


# -- who is still there


def test_an_orphan_in_another_session_is_found_and_nobody_signalled_it() -> None:
    found = verdict(cell(job(), survivor(session=9, group=9), decided_ms=705.0))
    assert found.processes is Processes.ORPHANED
    assert found.roles == ("child",)
    assert "child (sleep 600) was still running 0.7 s after the report: nobody signalled it." in (
        found.reason
    )


@pytest.mark.parametrize(
    ("met", "words"),
    [
        (Disposition.IGNORED, "it ignored TERM from runner"),
        (Disposition.CAUGHT, "it caught TERM from runner and went on"),
        (Disposition.PENDING, "TERM from runner never reached it"),
    ],
)
def test_an_orphan_that_was_signalled_says_what_became_of_the_signal(
    met: Disposition, words: str
) -> None:
    orphan = survivor()
    found = verdict(cell(job(), orphan, signals=(sent("TERM", RUNNER, orphan, met),)))
    assert words in found.reason
    assert "nobody" not in found.reason


def test_a_stopped_orphan_says_so() -> None:
    orphan = survivor()
    found = verdict(cell(job(), orphan, signals=(sent("STOP", orphan, orphan),)))
    assert "STOP from child stopped it" in found.reason


def test_an_orphan_that_could_not_be_signalled_says_why() -> None:
    orphan = survivor("tunnel", user="root")
    refused = sent("TERM", RUNNER, None, Disposition.PENDING, error="EPERM")
    found = verdict(cell(job(), orphan, signals=(replace(refused, receiver_role="tunnel"),)))
    assert "runner could not send it TERM (EPERM)" in found.reason


def test_proc_evidence_never_claims_that_nobody_signalled_an_orphan() -> None:
    found = verdict(cell(job(), survivor(), evidence=Evidence.PROC))
    assert found.processes is Processes.ORPHANED
    assert "nobody" not in found.reason
    assert "cannot be known from /proc" in found.reason


def test_equal_orphans_are_counted() -> None:
    found = verdict(cell(job(), *(survivor(key=n) for n in (2, 3, 4))))
    assert "3 × child (sleep 600) was still running" in found.reason
    assert found.roles == ("child",)


def test_a_process_that_works_on_after_the_report_is_late() -> None:
    found = verdict(cell(job(), child(ended=900.0, status=0, signal=None, doomed_ms=None)))
    assert (found.processes, found.report) == (Processes.LATE, Truth.EARLY)
    assert "child (sleep 600) ended with status 0 only 0.9 s after the report" in found.reason


@pytest.mark.parametrize(("after", "expected"), [(100.0, "gone"), (100.1, "late")])
def test_the_margin_is_100_ms(after: float, expected: str) -> None:
    found = verdict(cell(job(), child(ended=5 + after, status=0, signal=None, doomed_ms=None)))
    assert found.processes == expected


def test_a_process_that_was_doomed_before_the_report_counts_as_gone() -> None:
    assert verdict(cell(job(), child(ended=400.0, doomed_ms=4.0))).processes is Processes.GONE


def test_a_process_that_was_doomed_only_long_after_the_report_is_late() -> None:
    late = child(ended=2001.0, doomed_ms=2000.0, signal="KILL")
    killed = sent("KILL", RUNNER, late, at=2000.0)
    found = verdict(cell(job(), late, signals=(killed,), decided_ms=3000.0))
    assert found.processes is Processes.LATE
    assert "died of KILL from runner only 2.0 s after the report" in found.reason


def test_a_signal_that_was_blocked_is_no_death_sentence_yet() -> None:
    blocks = Dispositions((), (), ("TERM",))
    found = verdict(cell(job(), child(ended=900.0, doomed_ms=0.1, dispositions=blocks)))
    assert found.processes is Processes.LATE


def test_a_process_that_ended_long_before_the_cancellation_is_gone() -> None:
    assert verdict(cell(job(), child(ended=-50.0, status=0))).processes is Processes.GONE


def test_orphaned_outweighs_late_and_both_are_told() -> None:
    late = child(ended=900.0, status=0, signal=None, doomed_ms=None)
    found = verdict(cell(job(), late, survivor("daemon", key=3)))
    assert (found.processes, found.roles) == (Processes.ORPHANED, ("daemon",))
    assert "child (sleep 600) ended with status 0" in found.reason


def test_the_runner_itself_is_no_process_of_the_job() -> None:
    assert RUNNER.ended_ms is None
    assert verdict(cell(job())).processes is Processes.GONE


def test_proc_evidence_cannot_tell_a_late_process_from_a_slow_death() -> None:
    late = child(ended=900.0, signal=None, doomed_ms=None)
    found = verdict(cell(job(), late, evidence=Evidence.PROC))
    assert (found.processes, found.report) == (Processes.UNKNOWN, Truth.UNKNOWN)


def test_proc_evidence_knows_from_the_runner_that_the_job_itself_is_gone() -> None:
    seen_late = replace(job(dies_at=300.0), end=End(), doomed_ms=None)
    found = verdict(cell(seen_late, evidence=Evidence.PROC))
    assert (found.processes, found.report) == (Processes.GONE, Truth.TRUTHFUL)


def test_a_process_that_dies_of_another_signal_than_it_was_sent_is_told() -> None:
    shell = job(of="INT")
    signals = (
        sent("TERM", RUNNER, shell, Disposition.CAUGHT),
        sent("INT", shell, shell, at=0.5),
    )
    found = verdict(cell(shell, signals=signals))
    assert "was sent TERM and died of INT, which it sent itself" in found.reason


def test_a_process_that_dies_of_the_signal_it_was_sent_is_not_remarked() -> None:
    shell = job()
    found = verdict(cell(shell, signals=(sent("TERM", RUNNER, shell),)))
    assert "was sent" not in found.reason


def test_an_orphan_that_blocked_its_signal_says_so() -> None:
    orphan = survivor("su", dispositions=Dispositions((), (), ("INT",)))
    blocked = sent("INT", RUNNER, orphan, Disposition.PENDING)
    assert "it blocked INT from runner" in verdict(cell(job(), orphan, signals=(blocked,))).reason


def test_an_orphan_of_root_says_that_the_signal_to_its_group_passed_it_by() -> None:
    sudo, shell = launcher(), survivor("job", parent=1, user="root")
    to_group = replace(sent("TERM", RUNNER, sudo, Disposition.CAUGHT), to=Sent.GROUP)
    found = verdict(cell(sudo, shell, signals=(to_group,)))
    assert (
        "TERM from runner to its group passed it by, since ci may not signal what root runs"
        in found.reason
    )


@pytest.mark.parametrize(
    "other",
    [{"group": 9}, {"user": "ci"}, {"started_ms": 1.0}, {"far": True}],
    ids=["another group", "the same user", "not there yet", "another host"],
)
def test_a_group_passes_by_only_members_of_another_user(other: dict[str, Any]) -> None:
    sudo, shell = launcher(), survivor("job", parent=1, **{"user": "root", **other})
    to_group = replace(sent("TERM", RUNNER, sudo, Disposition.CAUGHT), to=Sent.GROUP)
    assert "nobody signalled it" in verdict(cell(sudo, shell, signals=(to_group,))).reason


def test_orphans_that_lived_on_for_one_reason_are_told_together() -> None:
    found = verdict(cell(job(), survivor(), survivor("daemon", key=3)))
    assert (
        "child (sleep 600) and daemon (sleep 600) were still running 0.7 s after the report: "
        "nobody signalled it." in found.reason
    )


# -- clean-up


def test_a_clean_up_that_begins_and_ends_ran() -> None:
    found = verdict(with_cleanup(says("EXIT begin"), says("EXIT end", at=202)))
    assert found.cleanup is CleanUp.RAN


def test_a_mark_without_begin_and_end_is_both() -> None:
    assert verdict(with_cleanup(says("EXIT"))).cleanup is CleanUp.RAN


def test_a_handler_that_is_never_reached_is_skipped_and_says_what_became_of_the_job() -> None:
    shell = job(of="KILL")
    found = verdict(
        with_cleanup(processes=(shell, child()), signals=(sent("KILL", RUNNER, shell),))
    )
    assert found.cleanup is CleanUp.SKIPPED
    assert "(EXIT) never began: job (bash /lab/job.sh) died of KILL from runner." in found.reason


def test_a_handler_cut_off_in_the_middle_says_who_did_it() -> None:
    shell = job(of="KILL", dies_at=2000.5, doomed_ms=2000.2)
    found = verdict(
        with_cleanup(
            says("EXIT begin"),
            processes=(shell, child()),
            signals=(sent("KILL", RUNNER, shell, at=2000.2),),
            report=Report(2001.0, Said.CANCELLED, End(signal="KILL")),
            decided_ms=3000.0,
        )
    )
    assert found.cleanup is CleanUp.CUT_OFF
    assert "began and did not finish: job (bash /lab/job.sh) died of KILL from runner" in (
        found.reason
    )


def test_a_mark_that_lies_is_not_believed() -> None:
    found = verdict(
        with_cleanup(
            says("EXIT begin"),
            says("EXIT end", at=3.0),
            removes=("/home/ci/lock",),
            left=Left((LOCK,)),
        )
    )
    assert found.cleanup is CleanUp.CUT_OFF
    assert "/home/ci/lock is still there: it lies" in found.reason


def test_files_that_the_clean_up_does_not_claim_do_not_contradict_it() -> None:
    log = LeftFile("/home/ci/log", 4, "file")
    found = verdict(with_cleanup(says("EXIT"), removes=("/home/ci/lock",), left=Left((log,))))
    assert found.cleanup is CleanUp.RAN


def test_a_pattern_names_a_file_with_a_temporary_name() -> None:
    temporary = LeftFile("/tmp/job.aB3xYz", 0, "dir")
    found = verdict(with_cleanup(says("EXIT"), removes=("/tmp/job.*",), left=Left((temporary,))))
    assert found.cleanup is CleanUp.CUT_OFF


def test_more_left_files_than_the_lab_looks_at_leave_the_clean_up_unknown() -> None:
    found = verdict(with_cleanup(says("EXIT"), removes=("/home/ci/lock",), left=Left(cut=True)))
    assert found.cleanup is CleanUp.UNKNOWN


def only_files(there: Sequence[str], kept: Sequence[str], *, cut: bool = False) -> Outcome:
    """The verdict on a job of which nothing is known but files that must be removed."""
    left = Left(tuple(LeftFile(path, 0, "file") for path in kept), cut=cut)
    declared = Declared(removes=("/home/ci/lock", "/tmp/job.*"))
    return verdict(cell(job(), child(), declared=declared, present=tuple(there), left=left))


BOTH = ("/home/ci/lock", "/tmp/job.aB3")


def test_without_marks_a_clean_up_that_removed_every_file_ran() -> None:
    assert only_files(BOTH, ()).cleanup is CleanUp.RAN


def test_without_marks_a_clean_up_that_removed_nothing_was_skipped() -> None:
    found = only_files(BOTH, BOTH)
    assert found.cleanup is CleanUp.SKIPPED
    assert "Nothing of /home/ci/lock and /tmp/job.aB3 was removed." in found.reason


def test_without_marks_a_clean_up_that_removed_some_files_was_cut_off() -> None:
    found = only_files(BOTH, BOTH[1:])
    assert found.cleanup is CleanUp.CUT_OFF
    assert "The clean-up removed /home/ci/lock, but not /tmp/job.aB3." in found.reason


def test_a_file_that_was_never_made_does_not_count_as_removed() -> None:
    assert only_files(BOTH[:1], BOTH[:1]).cleanup is CleanUp.SKIPPED


def test_files_that_the_lab_did_not_look_at_may_not_be_removed() -> None:
    assert only_files(BOTH, BOTH[1:], cut=True).cleanup is CleanUp.UNKNOWN


def test_a_clean_up_that_began_again_and_ended_ran() -> None:
    marks = (says("EXIT begin", 1), says("EXIT begin", 400), says("EXIT end", 600))
    assert verdict(with_cleanup(*marks)).cleanup is CleanUp.RAN


def test_a_second_clean_up_that_was_cut_off_counts() -> None:
    marks = (says("EXIT begin", 1), says("EXIT end", 200), says("EXIT begin", 400))
    assert verdict(with_cleanup(*marks)).cleanup is CleanUp.CUT_OFF


def test_one_of_two_processes_cut_off_counts_even_when_the_other_ends_later() -> None:
    marks = (
        says("EXIT begin", 1),
        says("EXIT begin", 1, role="child"),
        says("EXIT end", 200, role="child"),
    )
    assert verdict(with_cleanup(*marks)).cleanup is CleanUp.CUT_OFF


def test_a_child_may_end_what_the_job_began() -> None:
    marks = (says("EXIT begin", 1), says("EXIT end", 200, role="child"))
    assert verdict(with_cleanup(*marks)).cleanup is CleanUp.RAN


def test_marks_of_nobody_knows_whom_that_do_not_add_up_leave_the_clean_up_unknown() -> None:
    marks = (
        says("EXIT begin", 1, role=None),
        says("EXIT begin", 2, role=None),
        says("EXIT end", 200, role=None),
    )
    assert verdict(with_cleanup(*marks)).cleanup is CleanUp.UNKNOWN


def test_a_clean_up_before_the_cancellation_is_no_effect_of_it() -> None:
    assert verdict(with_cleanup(says("EXIT", at=-50.0))).cleanup is CleanUp.SKIPPED


def test_a_clean_up_still_at_work_when_the_time_is_over_is_unknown() -> None:
    found = verdict(
        with_cleanup(
            says("EXIT begin"),
            processes=(process("job", "/bin/bash", "/lab/job.sh"),),
            decided=Decided.SETTLE_TIME_OVER,
            report=None,
        )
    )
    assert found.cleanup is CleanUp.UNKNOWN


def test_a_clean_up_that_rests_for_ever_did_not_finish() -> None:
    found = verdict(
        with_cleanup(
            says("EXIT begin"),
            processes=(process("job", "/bin/bash", "/lab/job.sh"),),
            report=None,
        )
    )
    assert found.cleanup is CleanUp.CUT_OFF


# -- the report


def test_success_said_of_a_cancelled_job_is_wrong() -> None:
    found = verdict(cell(job(), report=Report(5.0, Said.SUCCESS, End(0))))
    assert found.report is Truth.WRONG
    assert "The runner said success although the job was cancelled." in found.reason


def test_a_wrong_report_that_is_also_early_is_wrong() -> None:
    found = verdict(cell(job(), survivor(), report=Report(5.0, Said.SUCCESS, End(0))))
    assert found.report is Truth.WRONG


def test_a_job_that_never_ends_hangs_the_runner() -> None:
    shell = process("job", "/bin/bash", "/lab/job.sh")
    ignored = sent("TERM", RUNNER, shell, Disposition.IGNORED)
    found = verdict(cell(shell, report=None, signals=(ignored,), decided_ms=30_000.0))
    assert (found.processes, found.report) == (Processes.ORPHANED, Truth.HUNG)
    assert "had not reported the end 30 s after the cancellation: job was still there" in (
        found.reason
    )


def test_a_survivor_that_holds_the_output_hangs_the_runner() -> None:
    found = verdict(cell(job(), survivor(), report=None))
    assert found.report is Truth.HUNG
    assert "although job was gone and only child was still there" in found.reason


def test_a_runner_killed_by_its_job_cannot_be_judged_and_says_who_did_it() -> None:
    shell = job(of="KILL")
    killed = replace(sent("KILL", shell, RUNNER), to=Sent.EVERYBODY)
    found = verdict(cell(shell, report=None, runner_end=End(signal="KILL"), signals=(killed,)))
    assert found.report is Truth.UNKNOWN
    assert "it died of KILL from job (kill to everybody)" in found.reason
    assert found.processes is Processes.GONE
    assert not found.known


@pytest.mark.parametrize(
    ("said", "status", "expected"),
    [
        (Said.SUCCESS, 0, Truth.TRUTHFUL),
        (Said.FAILED, 3, Truth.TRUTHFUL),
        (Said.SUCCESS, 3, Truth.WRONG),
        (Said.FAILED, 0, Truth.WRONG),
        (Said.CANCELLED, 0, Truth.WRONG),
    ],
)
def test_a_job_that_ends_by_itself_is_reported_as_what_it_was(
    said: Said, status: int, expected: Truth
) -> None:
    shell = job(signal=None, status=status, doomed_ms=None)
    assert verdict(ended_by_itself(shell, said=said, status=status)).report is expected


def test_a_job_that_ends_and_leaves_a_child_is_reported_early() -> None:
    shell = job(signal=None, status=0, doomed_ms=None)
    found = verdict(ended_by_itself(shell, survivor(), said=Said.SUCCESS))
    assert (found.processes, found.report) == (Processes.ORPHANED, Truth.EARLY)


def test_lost_output_is_told() -> None:
    found = verdict(cell(job(), survivor(), stdout=Stream("a", 1, 34, cut=False)))
    assert "34 bytes of stdout came only after that" in found.reason


# -- what could not be measured


@pytest.mark.parametrize("kind", TroubleKind)
def test_trouble_makes_every_axis_unknown(kind: TroubleKind) -> None:
    found = verdict(trouble(kind, "something\nwent wrong"))
    assert (found.processes, found.cleanup, found.report) == (
        Processes.UNKNOWN,
        CleanUp.UNKNOWN,
        Truth.UNKNOWN,
    )
    assert found.reason == f"Not measured ({kind}): something\\nwent wrong"


def test_no_process_seen_is_unknown_and_not_gone() -> None:
    assert verdict(cell()).processes is Processes.UNKNOWN


def test_a_cell_that_was_never_decided_is_unknown() -> None:
    assert not verdict(cell(job(), decided=None)).known


def test_a_cancellation_that_was_never_fired_is_unknown() -> None:
    assert not verdict(cell(job(), fired=())).known


def test_a_report_from_before_the_cancellation_is_unknown() -> None:
    assert not verdict(cell(job(), report=Report(-3.0, Said.FAILED, End(1)))).known


def test_an_observation_of_another_schema_is_unknown() -> None:
    found = verdict(cell(job(), schema=99))
    assert not found.known
    assert "schema 99" in found.reason


def test_a_limit_that_was_met_is_told() -> None:
    assert "limit on processes" in verdict(cell(job(), limits=("processes",))).reason


def test_a_judge_that_raises_yields_unknown_with_the_reason(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def broken(_: object) -> None:
        raise ZeroDivisionError("seven\nby nothing")

    monkeypatch.setattr(judge, "outcome", broken)
    found = judge.judged(cell(job()))
    assert not found.known
    assert "ZeroDivisionError: seven\\nby nothing" in found.reason


def test_control_bytes_of_a_job_do_not_reach_the_reason() -> None:
    found = verdict(cell(job(), survivor("ro\x1b[31mle\n", argv=("/bin/sl\u202eeep", "\x07"))))
    assert found.reason.isprintable()
    assert "ro\\e[31mle\\n (sl\\u202eeep \\x07)" in found.reason

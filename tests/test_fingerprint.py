"""What a fingerprint keeps, and what the kernel leaves open and it leaves out.

Above 400 lines because what is left open must stand beside what is kept: each has a pair.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from aftercancel.judge import Stability, fingerprint, stability
from aftercancel.model import (
    Declared,
    Disposition,
    Dispositions,
    End,
    Evidence,
    Fired,
    Left,
    LeftFile,
    Lock,
    Observation,
    Process,
    Report,
    Said,
    Sent,
    Signal,
    Stream,
    TroubleKind,
)
from tests.observing import (
    RUNNER,
    cell,
    child,
    job,
    process,
    same,
    says,
    sent,
    survivor,
    trouble,
)

TRAPPING = Dispositions(("TERM", "CHLD"), ("QUIT",), ("CHLD",))


def trapping_job(**more: Any) -> Process:
    """A shell with a TERM trap that signals its child and ends with status 143."""
    return job(
        dies_at=205.0, signal=None, status=143, doomed_ms=None, dispositions=TRAPPING, **more
    )


def a_cell() -> Observation:
    """Two processes, three signals, marks of two roles, files, a lock."""
    shell, sleeper = trapping_job(), child()
    return cell(
        shell,
        sleeper,
        signals=(
            replace(sent("TERM", RUNNER, shell, Disposition.CAUGHT), to=Sent.GROUP),
            replace(sent("TERM", RUNNER, sleeper), to=Sent.GROUP),
        ),
        marks=(
            says("TERM begin", 1.0),
            says("child ends", 1.1, role="child"),
            says("TERM end", 204.0),
        ),
        left=Left(
            (LeftFile("/home/ci/log", 10, "file"), LeftFile("/home/ci/lock", 4, "file")),
            (Lock("/home/ci/lock", "FLOCK", "job"),),
        ),
        report=Report(206.0, Said.CANCELLED, End(143)),
    )


def test_a_fingerprint_reads_as_one_line() -> None:
    assert fingerprint(a_cell()).text == (
        "trace: report cancelled; child, TERM, gone; "
        "job, status 143, gone, catches TERM, ignores QUIT; "
        "runner > child: TERM by kill to group, default; "
        "runner > job: TERM by kill to group, caught; "
        "child says child ends; job says TERM begin, TERM end; "
        "left /home/ci/lock; left /home/ci/log; locked /home/ci/lock FLOCK by job"
    )


# -- what is left open


def in_another_order(observation: Observation, dice: random.Random) -> Observation:
    """The same cell with other times, ids and orders, as far as the kernel leaves them open."""
    keys = [p.key for p in observation.processes if p.key != 0]
    renumbered = {0: 0, **dict(zip(keys, dice.sample(range(1, 50), len(keys)), strict=True))}

    def moved(process: Process) -> Process:
        return replace(
            process,
            key=renumbered[process.key],
            parent=None if process.parent is None else renumbered.get(process.parent),
            pid=dice.randrange(3, 99),
            group=dice.randrange(3, 99),
            started_ms=process.started_ms - dice.random() * 10,
            ended_ms=None if process.ended_ms is None else process.ended_ms + dice.random(),
        )

    def sent_again(signal: Signal) -> Signal:
        return replace(
            signal,
            sender=None if signal.sender is None else renumbered[signal.sender],
            receiver=None if signal.receiver is None else renumbered[signal.receiver],
        )

    processes = [moved(p) for p in observation.processes]
    signals = [sent_again(s) for s in observation.signals]
    dice.shuffle(processes)
    dice.shuffle(signals)
    by_role = sorted(observation.marks, key=lambda m: (m.role or "", m.at_ms))
    late = dice.random() * 3
    marks = [m if m.role == "job" else replace(m, at_ms=m.at_ms + late) for m in by_role]
    return replace(
        observation,
        processes=tuple(processes),
        signals=tuple(signals),
        marks=tuple(marks),
        left=replace(observation.left, files=tuple(reversed(observation.left.files))),
        attempt=dice.randrange(2, 9),
        decided_ms=900.0 + dice.random(),
    )


@pytest.mark.parametrize("seed", range(25))
def test_orders_ids_and_times_that_are_left_open_change_nothing(seed: int) -> None:
    assert same(a_cell(), in_another_order(a_cell(), random.Random(seed)))  # noqa: S311 no secret


def test_either_of_a_group_may_die_first() -> None:
    assert same(cell(job(dies_at=1), child(ended=2.0)), cell(job(dies_at=2), child(ended=1.0)))


def test_a_signal_for_a_process_that_is_doomed_already_is_left_out() -> None:
    shell, sleeper = trapping_job(), child()
    group = sent("TERM", RUNNER, sleeper)
    again = sent("TERM", shell, sleeper, Disposition.PENDING, at=0.9)
    assert same(
        cell(shell, sleeper, signals=(group,)), cell(shell, sleeper, signals=(group, again))
    )


def test_a_second_fatal_signal_that_still_finds_a_dying_process_is_left_out() -> None:
    sleeper = child(ended=300.0)
    hang_up = sent("HUP", None, sleeper, at=0.9)
    assert same(cell(sleeper, signals=(hang_up,)), cell(sleeper))


def test_whether_a_dying_process_is_still_found_is_left_open() -> None:
    shell, sleeper = trapping_job(), child()
    found = sent("TERM", shell, sleeper, Disposition.PENDING, at=5.0)
    refused = sent("TERM", shell, None, Disposition.PENDING, at=5.0, error="ESRCH")
    assert same(cell(shell, sleeper, signals=(found,)), cell(shell, sleeper, signals=(refused,)))


def test_the_signal_that_dooms_a_process_is_kept() -> None:
    sleeper = child()
    assert not same(cell(sleeper, signals=(sent("TERM", RUNNER, sleeper),)), cell(sleeper))


def test_a_signal_that_meets_a_process_on_its_way_out_is_left_out() -> None:
    leaving = child(ended=400.5, status=0, signal=None, doomed_ms=None)
    met = sent("TERM", RUNNER, leaving, Disposition.PENDING, at=400.2)
    assert same(cell(leaving, signals=(met,)), cell(leaving))


def test_a_signal_that_is_blocked_until_the_end_is_a_finding() -> None:
    blocks = child(
        ended=50.0,
        status=0,
        signal=None,
        doomed_ms=None,
        dispositions=Dispositions((), (), ("TERM",)),
    )
    waits = sent("TERM", RUNNER, blocks, Disposition.PENDING)
    assert not same(cell(blocks, signals=(waits,)), cell(blocks))


def test_a_signal_that_waits_for_a_stopped_process_is_a_finding() -> None:
    stopped = survivor()
    waits = sent("TERM", RUNNER, stopped, Disposition.PENDING)
    assert not same(cell(job(), stopped, signals=(waits,)), cell(job(), stopped))


def test_a_signal_that_waits_until_its_stopped_process_is_killed_is_a_finding() -> None:
    stopped = child(ended=500.0, signal="KILL", doomed_ms=499.0)
    waits = sent("TERM", RUNNER, stopped, Disposition.PENDING)
    assert not same(cell(stopped, signals=(waits,)), cell(stopped))


def test_a_signal_sent_twice_is_one() -> None:
    shell = trapping_job()
    once = sent("TERM", RUNNER, shell, Disposition.CAUGHT)
    again = sent("TERM", RUNNER, shell, Disposition.CAUGHT, at=100.0)
    assert same(cell(shell, signals=(once,)), cell(shell, signals=(once, again)))


def test_the_kernels_word_that_a_child_has_ended_is_left_out() -> None:
    shell = trapping_job()
    told = sent("CHLD", None, shell, Disposition.CAUGHT)
    assert same(cell(shell, signals=(told,)), cell(shell))


def test_what_came_before_the_cancellation_is_left_out() -> None:
    shell = trapping_job()
    setup = process("mkdir", "/bin/mkdir", key=5, ended=-40.0, status=0)
    before = sent("USR1", RUNNER, shell, Disposition.CAUGHT, at=-30.0)
    one = cell(shell, setup, signals=(before,), marks=(says("ready", -50.0),))
    assert same(one, cell(shell))


def test_how_often_a_clean_up_calls_a_program_is_left_open() -> None:
    def removal(key: int) -> Process:
        started: dict[str, Any] = {"dispositions": None, "started_ms": 50.0 + key}
        return process("rm", "/bin/rm", key=key, ended=60.0 + key, status=0, **started)

    assert same(cell(job(), removal(5)), cell(job(), removal(5), removal(6)))
    assert not same(cell(job(), removal(5)), cell(job()))


def test_a_passing_program_that_was_not_at_rest_is_left_out() -> None:
    passing = process("true", "/bin/true", key=5, ended=0.4, status=0, started_ms=-0.5)
    hit = sent("TERM", RUNNER, passing)
    assert same(cell(job(), passing, signals=(hit,)), cell(job()))


def test_a_passing_program_that_is_left_behind_counts() -> None:
    left = process("tail", "/usr/bin/tail", key=5, started_ms=-0.5)
    assert not same(cell(job(), left), cell(job()))


def test_how_many_processes_a_fork_bomb_makes_is_left_open() -> None:
    few = [survivor("bomb", key=n) for n in range(2, 5)]
    many = [survivor("bomb", key=n) for n in range(2, 9)]
    assert same(cell(*few, limits=("processes",)), cell(*many, limits=("processes",)))


def test_what_a_shell_blocks_for_a_moment_is_left_open() -> None:
    blocking = replace(TRAPPING, blocked=("CHLD", "INT"))
    assert same(cell(trapping_job()), cell(replace(trapping_job(), dispositions=blocking)))


def test_a_job_that_never_rests_may_be_met_between_two_dispositions() -> None:
    restless = Declared(rests=False)
    before_exec = replace(child(), dispositions=Dispositions(("INT",), ("PIPE",), ()))
    assert same(cell(before_exec, declared=restless), cell(child(), declared=restless))


def test_names_made_up_by_mktemp_or_from_a_process_id_are_left_open() -> None:
    def left(*paths: str) -> Observation:
        return cell(job(), left=Left(tuple(LeftFile(p, 0, "file") for p in paths)))

    one = left("/tmp/tmp.aB3dE5gH1j", "/tmp/job.3.log", "/tmp/tmpab12cd_x")
    other = left("/tmp/tmp.Zz9yX8wV7u", "/tmp/job.3.log", "/tmp/tmpqq00rr_t")
    assert same(one, other)
    assert not same(one, left("/tmp/tmp.aB3dE5gH1j", "/tmp/tmpab12cd_x"))


def test_a_process_id_in_a_name_is_left_open() -> None:
    def with_pid(pid: int) -> Observation:
        files = (LeftFile(f"/run/job.{pid}", 3, "file"),)
        return cell(replace(job(), pid=pid), left=Left(files))

    assert same(with_pid(4), with_pid(17))


def test_whether_a_survivors_first_words_come_before_the_report_is_left_open() -> None:
    one = cell(job(), survivor(), stdout=Stream("abc", 3, 0, cut=False))
    assert same(one, replace(one, stdout=Stream("abc", 0, 3, cut=False)))


def test_of_two_fatal_signals_at_once_either_may_be_carried_out() -> None:
    """The quit key is typed: QUIT for both; the leader's end makes a HUP, which the kernel prefers."""
    by_quit = child(ended=4.0, signal="QUIT", doomed_ms=0.04)
    by_hup = child(ended=0.4, signal="HUP", doomed_ms=0.37)
    one = cell(by_quit, signals=(sent("QUIT", None, by_quit, at=0.04),))
    other = cell(
        by_hup,
        signals=(
            sent("QUIT", None, by_hup, Disposition.PENDING, at=0.04),
            sent("HUP", None, by_hup, at=0.37),
        ),
    )
    assert same(one, other)


def test_what_the_kernel_sends_within_the_same_microsecond_comes_too_late() -> None:
    leader = job(of="HUP")
    hang_up = sent("HUP", None, leader, at=0.033)
    go_on = sent("CONT", None, leader, Disposition.PENDING, at=0.033)
    assert same(cell(leader, signals=(hang_up, go_on)), cell(leader, signals=(hang_up,)))


def test_a_signal_that_was_caught_is_no_death_sentence() -> None:
    catches = Dispositions(("TERM",), (), ())
    killed = child(ended=50.0, signal="KILL", doomed_ms=49.0, dispositions=catches)
    signals = (
        sent("TERM", RUNNER, killed, Disposition.PENDING),
        sent("KILL", RUNNER, killed, at=49.0),
    )
    assert "child, KILL, gone" in fingerprint(cell(killed, signals=signals)).text


def test_who_passes_by_in_a_job_that_never_rests_is_left_open() -> None:
    passing = process("sleep", "/bin/sleep", "0.1", key=5, ended=1.0, signal="TERM", doomed_ms=0.1)
    hit = sent("TERM", RUNNER, passing)
    restless = Declared(rests=False)
    one = cell(job(), passing, signals=(hit,), declared=restless)
    assert same(one, cell(job(), declared=restless))
    assert not same(replace(one, declared=Declared()), cell(job()))


# -- what counts


def _with(**changes: Any) -> Callable[[Observation], Observation]:
    return lambda observation: replace(observation, **changes)


def _job(**changes: Any) -> Callable[[Observation], Observation]:
    return lambda o: replace(
        o,
        processes=tuple(replace(p, **changes) if p.role == "job" else p for p in o.processes),
    )


def _first_signal(**changes: Any) -> Callable[[Observation], Observation]:
    return lambda o: replace(o, signals=(replace(o.signals[0], **changes), *o.signals[1:]))


REAL = {
    "the report says something else": _with(report=Report(206.0, Said.SUCCESS, End(143))),
    "the report never comes": _with(report=None),
    "the runner dies": _with(report=None, runner_end=End(signal="KILL")),
    "the job is still there": _job(ended_ms=None, end=None),
    "the job is late": _job(ended_ms=900.0),
    "the job ends with another status": _job(end=End(0)),
    "the job dies of a signal": _job(end=End(signal="TERM")),
    "the job catches another signal": _job(dispositions=Dispositions(("INT",), ("QUIT",), ())),
    "a signal meets another disposition": _first_signal(disposition=Disposition.IGNORED),
    "a signal is another": _first_signal(signal="INT"),
    "a signal comes from somebody else": _first_signal(sender_role="sudo"),
    "a signal is sent by another call": _first_signal(call="tgkill"),
    "a signal is sent to the process": _first_signal(to=Sent.PROCESS),
    "a signal is refused": _first_signal(error="EPERM", receiver=None),
    "a mark is missing": lambda o: replace(o, marks=o.marks[:-1]),
    "a handler runs twice": lambda o: replace(o, marks=(*o.marks, says("TERM begin", 205.0))),
    "marks of one role are in another order": lambda o: replace(
        o, marks=(says("TERM end", 1.0), says("child ends", 1.1, "child"), says("TERM begin", 2.0))
    ),
    "another role says it": lambda o: replace(
        o, marks=(*o.marks[:-1], replace(o.marks[-1], role="child"))
    ),
    "a file is left": lambda o: replace(
        o, left=replace(o.left, files=(*o.left.files, LeftFile("/home/ci/more", 0, "file")))
    ),
    "a lock is no longer held": lambda o: replace(o, left=replace(o.left, locks=())),
    "a limit was met": _with(limits=("memory",)),
    "a step was refused": _with(fired=(Fired(0.0, "TERM to group", "Operation not permitted"),)),
    "one more child was there": lambda o: replace(o, processes=(*o.processes, child(key=7))),
    "a child is gone from the picture": lambda o: replace(
        o, processes=tuple(p for p in o.processes if p.role != "child")
    ),
    "weaker evidence": _with(evidence=Evidence.PROC),
}


@pytest.mark.parametrize("change", REAL.values(), ids=REAL.keys())
def test_a_real_difference_changes_it(change: Callable[[Observation], Observation]) -> None:
    assert not same(a_cell(), change(a_cell()))


def test_trouble_is_no_behaviour() -> None:
    found = fingerprint(trouble(TroubleKind.LOST_EVENTS))
    assert not found.measured
    assert found.text == "trace: not measured, lost events"


def test_proc_evidence_does_not_count_what_it_sees_by_chance() -> None:
    passing = process(
        "rm", "/bin/rm", key=5, ended=9.0, status=None, started_ms=7.0, dispositions=None
    )
    seen = replace(child(), end=End())
    one = cell(job(), seen, passing, evidence=Evidence.PROC)
    assert same(one, cell(job(), seen, evidence=Evidence.PROC))


def test_marks_of_nobody_knows_whom_have_no_order() -> None:
    marks = (says("a", 1.0, role=None), says("b", 2.0, role=None))
    turned = (says("b", 1.0, role=None), says("a", 2.0, role=None))
    one = cell(job(), marks=marks, evidence=Evidence.PROC)
    assert same(one, replace(one, marks=turned))


def test_a_name_with_our_punctuation_in_it_cannot_pass_for_another_process() -> None:
    odd = survivor("child, TERM, gone; x\n")
    assert '"child, TERM, gone; x\\n", still there' in fingerprint(cell(job(), odd)).text


# -- repeats


def repeats(*observations: Observation) -> Stability:
    (found,) = stability(replace(o, attempt=n) for n, o in enumerate(observations, 1))
    return found


def test_equal_repeats_are_stable() -> None:
    found = repeats(a_cell(), a_cell(), a_cell())
    assert found.stable
    assert found.distribution == "3 of 3"


def test_one_that_differs_among_many_is_unstable_and_told() -> None:
    lost = replace(a_cell(), marks=a_cell().marks[:-1])
    found = repeats(a_cell(), a_cell(), lost, a_cell())
    assert not found.stable
    assert found.distribution == "3 of 4, 1 of 4"
    assert found.differences == (
        "attempt 3: marks: (job says TERM begin, TERM end) or (job says TERM begin)",
    )


def test_an_attempt_without_a_measurement_is_no_agreement() -> None:
    found = repeats(a_cell(), trouble(), a_cell())
    assert found.stable
    assert (found.measured, found.unmeasured) == (2, (2,))
    assert found.distribution == "2 of 3; 1 not measured"


def test_cells_are_kept_apart_and_in_order() -> None:
    other = replace(a_cell(), cell="no-trap/dash/none/plain/TERM-group", marks=())
    found = stability([other, a_cell()])
    assert [s.cell for s in found] == [other.cell, a_cell().cell]
    assert all(s.stable for s in found)

"""What a fingerprint leaves open of launchers: they relay, wait, and leave in their own time."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from aftercancel.judge import fingerprint
from aftercancel.model import (
    Disposition,
    Dispositions,
    End,
    Evidence,
    Observation,
    Process,
    Report,
    Said,
    Sent,
    Signal,
)
from tests.observing import (
    AT_REST,
    RUNNER,
    cell,
    job,
    launcher,
    process,
    same,
    says,
    sent,
    to_group,
)


def behind(parent: int = 1, key: int = 2, **more: Any) -> Process:
    """The job that a launcher has started; it goes on for a while."""
    kind: dict[str, Any] = {"ended": 300.0, "status": 143, **more}
    return process("job", "/bin/bash", "/lab/job.sh", key=key, parent=parent, **kind)


CAUGHT, PENDING = Disposition.CAUGHT, Disposition.PENDING


def test_by_which_call_a_launcher_ends_itself_is_left_open() -> None:
    timeout = launcher("timeout", ended=4.0, status=None, signal="TERM")
    raised = replace(sent("TERM", timeout, timeout, at=3.0, call="tgkill"), to=Sent.THREAD)
    ignored = to_group(sent("TERM", timeout, timeout, Disposition.IGNORED, at=1.0))
    of_the_group = to_group(sent("TERM", timeout, timeout, at=1.0))
    one = cell(timeout, signals=(ignored, raised))
    assert same(one, cell(timeout, signals=(of_the_group,)))
    assert not same(one, cell(timeout))
    assert "timeout > timeout: TERM to itself, default" in fingerprint(one).text


def test_what_does_nothing_is_left_out() -> None:
    sudo, shell = launcher(), behind()
    go_on = sent("CONT", sudo, shell, at=1.0)
    assert same(cell(sudo, shell, signals=(go_on,)), cell(sudo, shell))
    caught = replace(go_on, disposition=CAUGHT)
    assert not same(cell(sudo, shell, signals=(caught,)), cell(sudo, shell))


def twice(second: Signal, shell: Process, *more: Signal) -> Observation:
    """The runner's TERM to a group, and what comes behind it."""
    first = to_group(sent("TERM", RUNNER, shell, CAUGHT))
    return cell(launcher("make"), shell, signals=(first, second, *more))


def test_what_a_second_signal_of_two_at_once_meets_is_left_open() -> None:
    make, shell = launcher("make"), behind()
    caught = sent("TERM", make, shell, CAUGHT, at=1.0)
    ignored = replace(caught, disposition=Disposition.IGNORED)
    assert same(twice(caught, shell), twice(ignored, shell))
    assert "make > job: TERM by kill to process, again" in fingerprint(twice(caught, shell)).text


def test_a_second_signal_a_while_later_is_another() -> None:
    make, shell = launcher("make"), behind(ended=900.0)
    caught = sent("TERM", make, shell, CAUGHT, at=150.0)
    ignored = replace(caught, disposition=Disposition.IGNORED)
    assert not same(twice(caught, shell), twice(ignored, shell))


def test_whether_a_second_signal_finds_a_process_that_is_soon_gone_is_left_open() -> None:
    make, shell = launcher("make"), behind(ended=50.0)
    again = sent("TERM", make, shell, CAUGHT, at=1.0)
    wake = sent("CONT", make, shell, CAUGHT, at=1.0)
    first = to_group(sent("TERM", RUNNER, shell, CAUGHT))
    alone = cell(make, shell, signals=(first,))
    assert same(twice(again, shell), alone)
    assert same(twice(wake, shell), alone)
    assert not same(alone, cell(make, shell))


def test_another_signal_behind_one_that_was_caught_counts_where_its_receiver_lives_on() -> None:
    make, shell = launcher("make"), behind()
    other = sent("HUP", make, shell, CAUGHT, at=1.0)
    assert not same(twice(other, shell), twice(replace(other, signal="USR1"), shell))


def test_a_second_signal_is_one_of_the_same_name_behind_others_too() -> None:
    make, shell = launcher("make"), behind()
    hang_up = sent("HUP", RUNNER, shell, CAUGHT, at=0.05)
    caught = sent("TERM", make, shell, CAUGHT, at=1.0)
    ignored = replace(caught, disposition=Disposition.IGNORED)
    assert same(twice(caught, shell, hang_up), twice(ignored, shell, hang_up))


def test_a_signal_that_waits_for_a_stopped_process_with_a_handler_is_a_finding() -> None:
    shell = behind(ended=None, dispositions=Dispositions(("TERM",), (), ()))
    waits = sent("TERM", RUNNER, shell, PENDING)
    assert "TERM by kill to process, pending" in fingerprint(cell(shell, signals=(waits,))).text


def test_how_often_a_handler_runs_for_two_signals_at_once_is_left_open() -> None:
    shell = behind()
    again = sent("TERM", launcher("make"), shell, CAUGHT, at=1.0)
    once = [says("TERM begin", 2.0), says("TERM end", 200.0)]
    one = replace(twice(again, shell), marks=tuple(once))
    other = replace(one, marks=(says("TERM begin", 1.5), *once))
    assert same(one, other)
    alone = [replace(o, signals=o.signals[:1]) for o in (one, other)]
    assert not same(*alone)
    of_two_names = replace(again, signal="HUP")
    assert not same(*(replace(o, signals=(o.signals[0], of_two_names)) for o in (one, other)))


def test_whether_a_handler_still_runs_in_a_process_that_dies_of_another_is_left_open() -> None:
    traps = Dispositions(("INT",), (), ())
    shell = job(of="HUP", dispositions=traps, doomed_ms=0.7, dies_at=1.7)
    hang_up = sent("HUP", None, shell, at=0.7)
    caught, too_late = (sent("INT", None, shell, met, at=0.2) for met in (CAUGHT, PENDING))
    one = cell(shell, signals=(caught, hang_up))
    assert same(one, cell(shell, signals=(too_late, hang_up)))
    assert not same(one, cell(shell, signals=(hang_up,)))


def leaving(job_ends: float) -> tuple[Observation, Observation]:
    """sudo's monitor, whose terminal is closed or not yet when it ends."""
    monitor = launcher("sudo:fork", ended=6.0, status=1)
    shell = behind(ended=job_ends)
    closed = sent("HUP", None, monitor, CAUGHT, at=4.0, call="terminal")
    return cell(monitor, shell, signals=(closed,)), cell(monitor, shell)


def test_whether_a_launcher_on_its_way_out_still_hears_its_terminal_is_left_open() -> None:
    assert same(*leaving(job_ends=3.0))


def test_what_a_terminal_sends_to_a_launcher_of_a_job_that_runs_is_a_finding() -> None:
    assert not same(*leaving(job_ends=5.0))


def test_what_a_launcher_on_its_way_out_is_sent_by_others_is_a_finding() -> None:
    sudo, shell = launcher(ended=300.0), behind(ended=3.0)
    again = sent("HUP", RUNNER, sudo, CAUGHT, at=150.0)
    assert not same(cell(sudo, shell, signals=(again,)), cell(sudo, shell))


def test_what_a_passing_program_of_a_handler_is_sent_counts_where_it_ends_it() -> None:
    def passing(*signals: Signal, **more: Any) -> Observation:
        kind: dict[str, Any] = {"started_ms": 1.0, "dispositions": None, "ended": 9.0, **more}
        return cell(job(), process("sleep", "/bin/sleep", "0.2", key=5, **kind), signals=signals)

    sleeper = process("sleep", key=5)
    ignored = sent("INT", RUNNER, sleeper, Disposition.IGNORED, at=2.0)
    assert same(passing(ignored, status=0), passing(status=0))
    killed = sent("TERM", RUNNER, sleeper, at=8.0)
    assert "runner > sleep: TERM" in fingerprint(passing(killed, signal="TERM")).text


def test_which_of_a_loops_sleeps_outlive_the_report_is_left_open() -> None:
    def slept(*ends: float) -> Observation:
        passing = [
            process("sleep", key=n, ended=end, status=0, started_ms=1.0, dispositions=None)
            for n, end in enumerate(ends, 5)
        ]
        return cell(job(), *passing)

    assert same(slept(3.0, 900.0), slept(900.0, 1100.0))
    assert not same(slept(3.0, 900.0), slept(3.0))


def test_an_init_that_takes_signals_by_waiting_for_them_is_not_on_its_way_out() -> None:
    tini, shell = launcher("tini", dispositions=AT_REST), behind()
    taken = sent("TERM", RUNNER, tini, PENDING)
    relayed = sent("TERM", tini, shell, CAUGHT, at=1.0)
    found = cell(tini, shell, signals=(taken, relayed))
    assert "runner > tini: TERM by kill to process, pending" in fingerprint(found).text
    assert not same(found, replace(found, signals=(relayed,)))


def test_a_signal_that_waits_for_a_handlers_end_is_none_that_was_waited_for() -> None:
    sudo, shell = launcher(ended=402.0), behind(ended=900.0)
    signals = (
        sent("TERM", RUNNER, sudo, CAUGHT),
        sent("TERM", sudo, shell, CAUGHT, at=401.0),
    )
    late = sent("INT", RUNNER, sudo, PENDING, at=400.0)
    one = cell(sudo, shell, signals=signals)
    assert same(one, replace(one, signals=(*signals, late)))


def test_what_was_waited_for_is_no_death_sentence() -> None:
    tini = launcher("tini", dispositions=AT_REST, ended=51.0, status=None, signal="KILL")
    shell = behind()
    signals = (
        sent("TERM", RUNNER, tini, PENDING),
        sent("TERM", tini, shell, CAUGHT, at=1.0),
        sent("KILL", RUNNER, tini, at=50.0),
    )
    assert "tini, KILL, gone" in fingerprint(cell(tini, shell, signals=signals)).text


def test_the_other_hosts_processes_are_not_told_apart_by_their_ids() -> None:
    def session(pid: int, terminal: str) -> Observation:
        server = launcher("sshd", key=2, parent=None, far=True, pid=pid, session=pid)
        shell = replace(behind(key=3), far=True, pid=pid + 2, terminal=terminal)
        return cell(launcher("ssh"), server, shell)

    assert same(session(5, "pts/0"), session(9, "pts/3"))


def test_how_a_server_ends_its_connection_is_left_open() -> None:
    def served(status: int, shell_status: int = 143, job_status: int = 143) -> Observation:
        far: dict[str, Any] = {"far": True, "ended": 4.0}
        server = launcher("sshd", key=2, parent=None, status=status, **far)
        monitor = launcher("sshd:fork", key=3, parent=2, program="sshd", status=status, **far)
        shell = launcher("sh", key=4, parent=3, status=shell_status, **far)
        job_itself = behind(4, 5, far=True, status=job_status)
        return cell(launcher("ssh"), server, monitor, shell, job_itself)

    assert same(served(0), served(255))
    assert not same(served(0), served(0, shell_status=1))
    assert not same(served(0), served(0, job_status=1))


def test_how_a_job_ends_that_nobody_was_seen_to_start_on_the_other_host_is_a_finding() -> None:
    def ended(status: int) -> Observation:
        return cell(launcher("ssh"), replace(behind(status=status), parent=None, far=True))

    assert not same(ended(0), ended(1))


def test_proc_evidence_knows_the_end_of_what_the_runner_started() -> None:
    def reported(end: End) -> Observation:
        sudo, shell = launcher(), behind(ended=2.0)
        processes = [replace(p, end=End()) for p in (sudo, shell)]
        report = Report(5.0, Said.CANCELLED, end)
        return cell(*processes, report=report, evidence=Evidence.PROC)

    assert not same(reported(End(143)), reported(End(1)))
    assert "sudo, status 143" in fingerprint(reported(End(143))).text
    assert "job, ?" in fingerprint(reported(End(143))).text

"""One cell's history from events, as the kernel gives them."""

from __future__ import annotations

from aftercancel.executor.events import (
    Called,
    Delivered,
    Event,
    Execed,
    ExitCalled,
    Exited,
    Forked,
    Generated,
    Handler,
    Marked,
    Returned,
)
from aftercancel.executor.history import History
from aftercancel.executor.lives import Layout, ProcessHistory
from aftercancel.executor.names import Named
from aftercancel.executor.procfs import Look
from aftercancel.model import Dispositions

INIT, RUNNER, JOB, CHILD, THREAD = 1, 10, 20, 30, 31
HUP, INT, KILL, TERM, CONT = 1, 2, 9, 15, 18


class NoProc:
    """Answers as /proc does for processes that have gone."""

    def __init__(self, after_s: float = 0.0) -> None:
        """``after_s``: how long after each execve(2) it is asked."""
        self._after_ns = int(after_s * 1e9)

    def at_exec(self, pid: int, at_ns: int) -> Named:
        return Named((), None, looked_ns=at_ns + self._after_ns)


def is_job(process: ProcessHistory) -> bool:
    return process.key == 1


def history(*events: Event) -> History:
    told = History(INIT, NoProc(), is_job)
    for event in (
        Forked(1, INIT, RUNNER, thread=False),
        Forked(2, RUNNER, JOB, thread=False),
        Execed(3, JOB, JOB, "/bin/dash"),
        Forked(4, JOB, CHILD, thread=False),
        Execed(5, CHILD, CHILD, "/bin/sleep"),
        *events,
    ):
        told.add(event)
    return told


def generated(at: int, number: int, *, target: int = CHILD, ignored: bool = False) -> Generated:
    return Generated(at, RUNNER, number, target, by_kernel=False, ignored=ignored)


def killed(at: int, tid: int = CHILD) -> Delivered:
    return Delivered(at, tid, KILL, Handler.DEFAULT)


def process(told: History, pid: int) -> ProcessHistory:
    return next(p for p in told.processes if p.pid == pid)


def test_processes_are_named_by_their_place_and_their_program() -> None:
    assert [p.role for p in history().processes] == ["runner", "job", "sleep"]


def test_a_fatal_signal_that_the_kernel_turns_into_kill_keeps_its_name() -> None:
    told = history(generated(6, TERM), killed(7), Exited(8, CHILD))
    child = process(told, CHILD)
    assert (child.fatal_signal, child.doomed_ns, child.ended_ns) == (TERM, 6, 8)


def test_before_linux_6_what_came_after_the_fatal_signal_is_not_the_cause() -> None:
    for later in (CONT, INT):
        told = history(generated(6, HUP), generated(7, later), killed(8), Exited(9, CHILD))
        assert process(told, CHILD).fatal_signal == HUP


def test_since_linux_6_what_came_after_the_fatal_signal_was_dropped() -> None:
    told = history(generated(6, HUP), generated(7, CONT, ignored=True), killed(8), Exited(9, CHILD))
    assert process(told, CHILD).fatal_signal == HUP
    assert process(told, CHILD).dying(7)


def test_a_kill_that_nobody_was_seen_to_send_is_still_the_end() -> None:
    told = history(killed(6), Exited(7, CHILD))
    assert process(told, CHILD).fatal_signal == KILL


def test_what_does_nothing_by_default_is_never_turned_into_a_kill() -> None:
    # A Go program's threads have SIGURG pending when it becomes another program (runc's last step).
    told = history(
        Forked(6, CHILD, THREAD, thread=True),
        generated(7, 23),
        killed(8, THREAD),
        Exited(9, THREAD),
        ExitCalled(10, CHILD, 0, whole=True),
        Exited(11, CHILD),
    )
    child = process(told, CHILD)
    assert (child.exit_status, child.fatal_signal) == (0, None)


def test_a_timer_s_signal_ends_a_process_although_nobody_generated_it() -> None:
    told = history(Delivered(6, CHILD, 14, Handler.DEFAULT), Exited(7, CHILD))
    assert process(told, CHILD).fatal_signal == 14


def test_the_kill_that_ends_the_other_threads_is_not_the_cause() -> None:
    told = history(
        Forked(6, CHILD, THREAD, thread=True),
        ExitCalled(7, CHILD, 3, whole=True),
        killed(8, THREAD),
        Exited(9, THREAD),
        Exited(10, CHILD),
    )
    child = process(told, CHILD)
    assert (child.exit_status, child.fatal_signal, child.ended_ns) == (3, None, 10)


def test_a_process_lives_until_its_last_thread_has_ended() -> None:
    told = history(Forked(6, CHILD, THREAD, thread=True), Exited(7, CHILD))
    assert process(told, CHILD).lives


def test_a_signal_belongs_to_the_call_that_was_open() -> None:
    told = history(
        Called(6, RUNNER, "kill", -JOB, TERM),
        generated(7, TERM, target=JOB),
        Returned(8, RUNNER, 0),
        generated(9, INT, target=JOB),
    )
    assert [(s.sender_role, s.call) for s in told.signals] == [("runner", "kill"), ("kernel", None)]


def test_a_refused_call_is_recorded_and_a_probe_with_signal_0_is_not() -> None:
    told = history(
        Called(6, RUNNER, "kill", 99, TERM),
        Returned(7, RUNNER, -1),
        Called(8, RUNNER, "kill", 99, 0),
        Returned(9, RUNNER, -3),
    )
    assert [(s.signal, s.error) for s in told.signals] == [(TERM, 1)]


def test_each_line_of_a_write_is_a_mark() -> None:
    told = history(Marked(6, JOB, "ready\nEXIT begin"))
    assert [(m.role, m.text) for m in told.marks] == [("job", "ready"), ("job", "EXIT begin")]


def test_a_program_that_only_another_has_replaced_at_once_is_still_the_job() -> None:
    """env(1) execs the job before the lab has read env's own command line."""

    class Late(NoProc):
        def at_exec(self, pid: int, at_ns: int) -> Named:
            return Named(("/bin/dash", "/lab/job.sh"), None, at_ns)

    told = History(INIT, Late(), lambda process: process.argv[-1] == "/lab/job.sh")
    for event in (
        Forked(1, INIT, RUNNER, thread=False),
        Forked(2, RUNNER, JOB, thread=False),
        Execed(3, JOB, JOB, "/usr/bin/env"),
        Execed(4, JOB, JOB, "/bin/dash"),
    ):
        told.add(event)
    assert [p.role for p in told.processes] == ["runner", "job"]
    assert process(told, JOB).program == "dash"


FAR_INIT, NEAR_INIT, SSHD, SESSION, LOGIN, FAR_JOB = 2, 3, 4, 50, 51, 60


def two_hosts(*events: Event) -> History:
    told = History(INIT, NoProc(), lambda process: process.program == "dash", Layout.TWO_HOSTS)
    for event in (
        Forked(1, INIT, FAR_INIT, thread=False),
        Forked(2, FAR_INIT, SSHD, thread=False),
        Execed(3, SSHD, SSHD, "/usr/sbin/sshd"),
        Forked(4, INIT, NEAR_INIT, thread=False),
        Forked(5, NEAR_INIT, RUNNER, thread=False),
        Forked(6, RUNNER, JOB, thread=False),
        Execed(7, JOB, JOB, "/usr/bin/ssh"),
        Forked(8, SSHD, SESSION, thread=False),
        Execed(9, SESSION, SESSION, "/usr/sbin/sshd"),
        Forked(10, SESSION, LOGIN, thread=False),
        Forked(11, LOGIN, FAR_JOB, thread=False),
        Execed(12, FAR_JOB, FAR_JOB, "/bin/dash"),
        *events,
    ):
        told.add(event)
    return told


def test_of_two_hosts_inits_and_listening_server_are_no_part_of_the_cell() -> None:
    told = two_hosts()
    assert [p.role for p in told.processes] == ["runner", "ssh", "sshd", "sshd:fork", "job"]
    assert [p.key for p in told.processes] == [0, 1, 2, 3, 4]
    assert {p.pid for p in told.machinery} == {INIT, FAR_INIT, NEAR_INIT, SSHD}


def test_what_the_server_starts_is_on_the_other_host() -> None:
    assert {p.role for p in two_hosts().processes if p.far} == {"sshd", "sshd:fork", "job"}


def test_what_an_init_takes_over_belongs_to_the_cell_again() -> None:
    """As /proc shows it when the parent had gone before it was looked at."""
    told = two_hosts(
        Forked(13, FAR_INIT, 70, thread=False), Forked(14, NEAR_INIT, 71, thread=False)
    )
    found = {p.pid: p.far for p in told.living() if p.pid in (70, 71)}
    assert found == {70: True, 71: False}


def test_the_inits_sign_what_they_send() -> None:
    told = two_hosts(
        Called(13, FAR_INIT, "kill", 5, KILL),
        Generated(14, FAR_INIT, KILL, SESSION, by_kernel=False, ignored=False),
        Returned(15, FAR_INIT, 0),
        Called(16, NEAR_INIT, "kill", 5, TERM),
        Generated(17, NEAR_INIT, TERM, JOB, by_kernel=False, ignored=False),
        Returned(18, NEAR_INIT, 0),
    )
    sent = [(s.sender_role, s.receiver_role, s.call) for s in told.signals]
    assert sent == [("far host", "sshd", "kill"), ("root", "ssh", "kill")]


def test_a_number_means_a_process_of_the_sender_s_own_host() -> None:
    """EPERM names its receiver by a number, and both hosts have a process of that number."""
    told = two_hosts()
    for pid, inner in ((JOB, 5), (SESSION, 5)):
        met = Dispositions((), (), ())
        process(told, pid).last = Look(0, inner, inner, inner, None, met)
    for event in (Called(20, LOGIN, "kill", 5, TERM), Returned(21, LOGIN, -1)):
        told.add(event)
    assert [(s.error, s.receiver_role) for s in told.signals] == [(1, "sshd")]


def test_a_launcher_that_tries_again_has_a_new_job() -> None:
    told = History(INIT, NoProc(), lambda process: process.program == "dash")
    for event in (
        Forked(1, INIT, RUNNER, thread=False),
        Forked(2, RUNNER, JOB, thread=False),
        Execed(3, JOB, JOB, "/usr/bin/retry"),
        Forked(4, JOB, CHILD, thread=False),
        Execed(5, CHILD, CHILD, "/bin/dash"),
        Exited(6, CHILD),
        Forked(7, JOB, 40, thread=False),
        Execed(8, 40, 40, "/bin/dash"),
    ):
        told.add(event)
    assert [p.role for p in told.processes] == ["runner", "retry", "dash", "job"]


def test_a_program_of_an_open_descriptor_is_named_by_its_command_line() -> None:
    class Dropbear(NoProc):
        def at_exec(self, pid: int, at_ns: int) -> Named:
            return Named(("/usr/sbin/dropbear", "-F"), None, at_ns)

    told = History(INIT, Dropbear(), lambda process: False)
    for event in (
        Forked(1, INIT, RUNNER, thread=False),
        Forked(2, RUNNER, JOB, thread=False),
        Execed(3, JOB, JOB, "/proc/self/fd/4"),
    ):
        told.add(event)
    assert process(told, JOB).role == "dropbear"


def told_after(names: NoProc) -> History:
    told = History(INIT, names, is_job)
    for event in (
        Forked(1, INIT, RUNNER, thread=False),
        Forked(2, RUNNER, JOB, thread=False),
        Execed(3, JOB, JOB, "/bin/dash"),
    ):
        told.add(event)
    return told


def test_who_had_ended_when_he_was_looked_at_late_is_noticed() -> None:
    assert told_after(NoProc(after_s=0.2)).came_late


def test_who_was_there_when_he_was_looked_at_makes_no_cell_late_however_late_it_was() -> None:
    class Lives(NoProc):
        def at_exec(self, pid: int, at_ns: int) -> Named:
            return Named(("/bin/dash", "/lab/job.sh"), None, at_ns + 10**9)

    assert not told_after(Lives()).came_late


def test_who_lived_too_shortly_to_be_looked_at_in_time_makes_no_cell_late() -> None:
    assert not told_after(NoProc(after_s=0.01)).came_late


def test_a_late_look_at_what_is_not_the_job_s_makes_no_cell_late() -> None:
    class LateForGit(NoProc):
        def at_exec(self, pid: int, at_ns: int) -> Named:
            return Named((), None, at_ns + (10**9 if pid == JOB else 0))

    told = History(INIT, LateForGit(), lambda process: process.pid == CHILD)
    for event in (
        Forked(1, INIT, RUNNER, thread=False),
        Forked(2, RUNNER, JOB, thread=False),
        Execed(3, JOB, JOB, "/usr/bin/git"),
        Forked(4, RUNNER, CHILD, thread=False),
        Execed(5, CHILD, CHILD, "/bin/dash"),
    ):
        told.add(event)
    assert not told.came_late

"""The history of cells in a sandbox where a real runner stands, one cell after another."""

from __future__ import annotations

from aftercancel.executor.events import Event, Execed, Exited, Forked, Generated, Marked
from aftercancel.executor.history_standing import StandingHistory
from aftercancel.executor.lives import ProcessHistory
from aftercancel.executor.names import Named
from aftercancel.executor.watcher import Clock, Follower

INIT, STEWARD, RUNNER, SERVER = 1, 2, 10, 11
STAGE, SHELL, JOB, CHILD, TIDYING, THREAD, NEXT = 20, 30, 31, 32, 40, 12, 50
TERM = 15


class NoProc:
    """Answers as /proc does for processes that have gone."""

    def at_exec(self, pid: int, at_ns: int) -> Named:
        return Named((), None, looked_ns=at_ns)


def never(process: ProcessHistory) -> bool:
    """No command line tells who the job is: its first mark must."""
    return False


def forked(at: int, parent: int, child: int) -> Forked:
    return Forked(at, parent, child, thread=False)


def standing(*events: Event) -> StandingHistory:
    """A started runner and its server; no cell has begun."""
    told = StandingHistory(INIT, NoProc(), never)
    for event in (
        forked(1, INIT, STEWARD),
        forked(2, STEWARD, SERVER),
        forked(3, STEWARD, RUNNER),
        Execed(4, RUNNER, RUNNER, "/lab/programs/runner"),
        Forked(5, RUNNER, THREAD, thread=True),
        *events,
    ):
        told.add(event)
    return told


def cell(*events: Event) -> StandingHistory:
    """The runner checks something out, starts a shell, and that forks the job, which is ready."""
    told = standing().next_cell(never, RUNNER)
    for event in (
        forked(10, THREAD, STAGE),
        Exited(11, STAGE),
        forked(12, RUNNER, SHELL),
        Execed(13, SHELL, SHELL, "/bin/bash"),
        forked(14, SHELL, JOB),
        Marked(15, JOB, "ready\n"),
        forked(16, JOB, CHILD),
        *events,
    ):
        told.add(event)
    return told


def one_shot(*events: Event) -> StandingHistory:
    """A runner that is started for each job."""
    told = StandingHistory(INIT, NoProc(), never)
    told.add(forked(1, INIT, STEWARD))
    told = told.next_cell(never, None)
    for event in events:
        told.add(event)
    return told


def roles(told: StandingHistory) -> list[str]:
    return [process.role for process in told.recorded()]


def test_what_stands_there_is_no_part_of_any_cell_but_the_runner() -> None:
    told = standing().next_cell(never, RUNNER)
    assert [(p.key, p.role, p.pid) for p in told.processes] == [(0, "runner", RUNNER)]
    assert {p.pid for p in told.machinery} == {INIT, STEWARD, SERVER}


def test_what_any_thread_of_the_runner_starts_is_the_cell_s() -> None:
    assert STAGE in {process.pid for process in cell().processes}


def test_the_job_is_who_says_that_it_is_ready() -> None:
    told = cell()
    assert told.job is not None
    assert (told.job.pid, told.job.role) == (JOB, "job")


def test_a_command_line_that_tells_the_job_comes_before_its_mark() -> None:
    told = standing().next_cell(lambda process: process.program == "dash", RUNNER)
    for event in (
        forked(12, RUNNER, SHELL),
        Execed(13, SHELL, SHELL, "/bin/dash"),
        forked(14, SHELL, CHILD),
        Marked(15, CHILD, "ready\n"),
    ):
        told.add(event)
    assert told.job is not None
    assert told.job.pid == SHELL


def test_what_a_runner_does_on_its_own_account_before_and_after_is_not_recorded() -> None:
    told = cell(forked(20, RUNNER, TIDYING), Exited(21, TIDYING))
    assert roles(told) == ["runner", "bash", "job", "job:fork"]


def test_but_what_of_it_is_still_there_is() -> None:
    told = cell(forked(20, RUNNER, TIDYING))
    assert TIDYING in {process.pid for process in told.recorded()}


def test_and_what_of_it_says_anything_as_an_after_script_does() -> None:
    told = cell(
        forked(20, RUNNER, TIDYING), Marked(21, TIDYING, "after_script begin"), Exited(22, TIDYING)
    )
    assert TIDYING in {process.pid for process in told.recorded()}


def test_what_the_next_job_of_the_queue_starts_is_not_the_cell_s() -> None:
    told = cell(forked(5_000_000_000, RUNNER, NEXT))
    told.next_ns = 5_000_000_000
    assert NEXT not in {process.pid for process in [*told.recorded(), *told.living()]}
    assert {JOB, CHILD} <= {process.pid for process in told.living()}


def resting(told: StandingHistory) -> set[int]:
    return {process.pid for process in told.resting()}


def test_a_runner_s_own_shell_above_the_job_need_not_be_at_rest() -> None:
    told = cell()
    assert SHELL in {process.pid for process in told.living()}
    assert resting(told) == {JOB, CHILD}


def test_until_somebody_is_known_to_be_the_job_all_must_be_at_rest() -> None:
    told = standing().next_cell(never, RUNNER)
    told.add(forked(12, RUNNER, SHELL))
    assert resting(told) == {SHELL}


def test_a_further_cell_knows_nothing_of_the_one_before() -> None:
    told = cell(Exited(20, CHILD), Exited(21, JOB), Exited(22, SHELL))
    following = told.next_cell(never, RUNNER)
    following.add(forked(30, THREAD, NEXT))
    assert [p.pid for p in following.processes] == [RUNNER, NEXT]
    assert following.marks == []
    assert following.signals == []


def test_a_server_s_own_children_are_not_the_job_s() -> None:
    told = cell(forked(20, SERVER, 60))
    assert 60 not in {process.pid for process in told.processes}


def test_signals_of_the_steward_are_root_s() -> None:
    told = cell(Generated(20, STEWARD, TERM, RUNNER, by_kernel=False, ignored=False))
    assert [s.receiver_role for s in told.signals] == ["runner"]


def test_silence_is_that_of_the_cell_whatever_the_runner_does_meanwhile() -> None:
    told = cell()
    told.add(Forked(100, RUNNER, 13, thread=True))
    told.add(forked(101, SERVER, 60))
    assert told.last_event_ns == 16
    told.add(Exited(102, CHILD))
    assert told.last_event_ns == 102


def test_the_last_process_that_the_steward_starts_for_a_job_is_its_runner() -> None:
    git, act = 70, 71
    told = one_shot(
        forked(10, STEWARD, git),
        Execed(11, git, git, "/usr/bin/git"),
        Exited(12, git),
        forked(13, STEWARD, act),
        Execed(14, act, act, "/usr/bin/act"),
        forked(15, act, SHELL),
        Marked(16, SHELL, "ready"),
    )
    assert [(p.key, p.role, p.pid) for p in told.processes] == [
        (0, "runner", act),
        (1, "job", SHELL),
    ]


def test_what_the_steward_starts_while_the_runner_lives_is_none() -> None:
    told = one_shot(forked(10, STEWARD, 70), forked(11, STEWARD, 71))
    assert [p.pid for p in told.processes] == [70]


def test_what_happens_between_two_cells_counts_for_the_second() -> None:
    """A thread of the runner that was born then may start the next job."""
    told = cell(Exited(17, CHILD), Exited(18, JOB), Exited(19, SHELL))
    follower = Follower(INIT, told, Clock())
    follower.remember_what_follows()
    follower.until_ns = 100
    follower.take(Forked(150, RUNNER, 14, thread=True))
    assert 14 not in told.processes[0].threads
    follower.catch_up()
    follower.turn_to(told.next_cell(never, RUNNER))
    follower.take(forked(200, 14, NEXT))
    assert [p.pid for p in follower.history.processes] == [RUNNER, NEXT]


def test_the_same_job_in_another_run_is_neither_the_job_nor_part_of_the_cell() -> None:
    """Buildbot's master builds anew what lost its worker."""
    told = standing().next_cell(lambda process: process.program == "dash", RUNNER)
    for event in (
        forked(10, RUNNER, JOB),
        Execed(11, JOB, JOB, "/bin/dash"),
        Marked(12, JOB, "ready"),
        Exited(13, JOB),
        forked(14, RUNNER, NEXT),
        Execed(15, NEXT, NEXT, "/bin/dash"),
        forked(16, NEXT, 51),
        Marked(17, NEXT, "ready"),
    ):
        told.add(event)
    assert told.job is not None
    assert told.job.pid == JOB
    assert [process.pid for process in told.recorded()] == [RUNNER, JOB]
    assert told.living() == []
    assert told.again_ns == [14]


def restarted(*events: Event) -> StandingHistory:
    """The runner dies after its job was ready, is started again, and has a shell below it."""
    return cell(
        Exited(18, RUNNER),
        Exited(18, THREAD),
        forked(20, STEWARD, 60),
        Execed(21, 60, 60, "/lab/programs/runner"),
        forked(22, 60, NEXT),
        Execed(23, NEXT, NEXT, "/bin/bash"),
        *events,
    )


def test_a_run_anew_by_a_runner_that_was_started_again_is_told_too() -> None:
    """It belongs to the sandbox then, as that runner does."""
    told = restarted(Marked(24, NEXT, "ready\n"))
    assert told.again_ns == [24]
    assert [process.pid for process in told.recorded()] == [RUNNER, SHELL, JOB, CHILD]


def test_a_waiting_job_that_it_starts_is_no_run_anew() -> None:
    assert restarted().again_ns == []
    assert restarted(Marked(24, NEXT, "something else\n")).again_ns == []


def test_the_next_cell_has_the_runner_that_was_started_again_and_nothing_of_the_last() -> None:
    told = restarted(Exited(30, NEXT), Exited(31, CHILD), Exited(31, JOB), Exited(31, SHELL))
    following = told.next_cell(never, 60)
    assert [(p.pid, p.role) for p in following.processes] == [(60, "runner")]
    assert 60 not in [p.pid for p in following.machinery]
    following.add(forked(40, 60, 70))
    assert [p.pid for p in following.processes] == [60, 70]


DOCKERD, CONTAINERD, SHIM, RUNC, HELPER = 60, 61, 62, 63, 64


def with_engine(*events: Event) -> StandingHistory:
    """As ``standing``, behind an engine that the sandbox's init has started."""
    told = StandingHistory(INIT, NoProc(), never, before_runner=1)
    for event in (
        forked(1, INIT, DOCKERD),
        Execed(2, DOCKERD, DOCKERD, "/usr/sbin/dockerd"),
        forked(3, DOCKERD, CONTAINERD),
        Execed(4, CONTAINERD, CONTAINERD, "/usr/bin/containerd"),
        forked(5, INIT, STEWARD),
        forked(6, STEWARD, SERVER),
        forked(7, STEWARD, RUNNER),
        # The trial's container.
        forked(8, CONTAINERD, HELPER),
        Exited(9, HELPER),
        *events,
    ):
        told.add(event)
    return told


def test_the_engine_and_what_it_made_for_the_trial_belong_to_the_sandbox() -> None:
    told = with_engine()
    assert {p.pid for p in told.machinery} >= {DOCKERD, CONTAINERD, STEWARD, RUNNER, HELPER}
    assert told.processes == []


def test_what_the_engine_makes_for_a_job_is_the_cell_s() -> None:
    told = with_engine().next_cell(never, RUNNER)
    for event in (
        forked(20, CONTAINERD, SHIM),
        Execed(21, SHIM, SHIM, "/usr/bin/containerd-shim-runc-v2"),
        forked(22, SHIM, RUNC),
        Execed(23, RUNC, RUNC, "/usr/sbin/runc"),
        forked(24, RUNC, JOB),
        Execed(25, JOB, JOB, "/bin/bash"),
        Marked(26, JOB, "ready\n"),
    ):
        told.add(event)
    assert told.job is not None
    assert told.job.pid == JOB
    assert [p.pid for p in told.recorded()] == [RUNNER, SHIM, RUNC, JOB]
    assert [p.pid for p in told.recorded() if p.of_engine] == [SHIM, RUNC]

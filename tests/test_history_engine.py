"""A cell whose job runs in a container: who belongs to the engine, who to the cell."""

from __future__ import annotations

from aftercancel.executor.events import Event, Execed, Forked, Generated
from aftercancel.executor.history import History
from aftercancel.executor.lives import Layout, ProcessHistory
from aftercancel.executor.names import Named

INIT, DOCKERD, CONTAINERD, KEEPER, RUNNER, CLIENT = 1, 10, 11, 12, 20, 21
SHIM, RUNC, JOB, CHILD, STOP, EARLIER = 30, 31, 32, 33, 40, 50
TERM = 15


class NoProc:
    """Answers as /proc does for processes that have gone."""

    def at_exec(self, pid: int, at_ns: int) -> Named:
        del pid
        return Named((), None, looked_ns=at_ns)


def is_job(process: ProcessHistory) -> bool:
    return process.program == "dash"


def forked(at: int, parent: int, child: int) -> Forked:
    return Forked(at, parent, child, thread=False)


def execed(at: int, who: int, path: str) -> Execed:
    return Execed(at, who, who, path)


ENGINE = (
    forked(1, INIT, DOCKERD),
    execed(2, DOCKERD, "/usr/sbin/dockerd"),
    forked(3, DOCKERD, CONTAINERD),
    execed(4, CONTAINERD, "/usr/bin/containerd"),
)
RUN = (
    forked(10, INIT, RUNNER),
    forked(11, RUNNER, CLIENT),
    execed(12, CLIENT, "/usr/bin/docker"),
    forked(13, CONTAINERD, SHIM),
    execed(14, SHIM, "/usr/bin/containerd-shim-runc-v2"),
    forked(15, SHIM, RUNC),
    execed(16, RUNC, "/usr/sbin/runc"),
    forked(17, RUNC, JOB),
    execed(18, JOB, "/bin/dash"),
    forked(19, JOB, CHILD),
    execed(20, CHILD, "/bin/sleep"),
)


def history(*events: Event, before_runner: int = 1) -> History:
    told = History(INIT, NoProc(), is_job, Layout.ENGINE, before_runner=before_runner)
    for event in events:
        told.add(event)
    return told


def roles(told: History) -> list[str]:
    return [p.role for p in told.processes]


def test_the_engine_was_there_before_and_is_no_process_of_the_cell() -> None:
    told = history(*ENGINE, *RUN)
    assert roles(told)[:2] == ["runner", "docker"]
    assert {p.role for p in told.machinery} == {"root", "dockerd", "containerd"}


def test_what_containerd_starts_is_the_cell_s_and_the_job_is_in_it() -> None:
    told = history(*ENGINE, *RUN)
    assert roles(told)[2:] == ["containerd-shim-runc-v2", "runc", "job", "sleep"]
    assert told.job is not None
    assert told.job.pid == JOB


def test_shims_and_runc_are_the_engine_s_programs_and_what_they_keep_is_not() -> None:
    told = history(*ENGINE, *RUN)
    assert [p.role for p in told.processes if p.of_engine] == ["containerd-shim-runc-v2", "runc"]


def test_a_job_that_calls_itself_runc_outside_of_a_container_is_not_the_engine_s() -> None:
    told = history(*ENGINE, *RUN, forked(21, RUNNER, 60), execed(22, 60, "/usr/sbin/runc"))
    assert not told.processes[-1].of_engine


def test_what_root_runs_beside_the_runner_is_neither() -> None:
    told = history(*ENGINE, *RUN, forked(21, INIT, STOP), execed(22, STOP, "/usr/bin/docker"))
    assert roles(told).count("docker") == 1
    assert [p.pid for p in told.machinery][-1] == STOP


def test_a_container_that_was_there_before_the_runner_is_no_process_of_the_cell() -> None:
    before = (
        forked(5, INIT, KEEPER),
        execed(6, KEEPER, "/usr/bin/docker"),
        forked(7, CONTAINERD, EARLIER),
        execed(8, EARLIER, "/usr/bin/containerd-shim-runc-v2"),
    )
    # docker exec: the shim of that container starts the job.
    told = history(
        *ENGINE,
        *before,
        *RUN[:3],
        forked(13, EARLIER, RUNC),
        execed(14, RUNC, "/usr/sbin/runc"),
        forked(15, RUNC, JOB),
        execed(16, JOB, "/bin/dash"),
        before_runner=2,
    )
    assert roles(told) == ["runner", "docker", "runc", "job"]


def test_who_signalled_the_job_is_named_though_it_is_the_engine_s() -> None:
    told = history(*ENGINE, *RUN, Generated(30, RUNC, TERM, JOB, by_kernel=False, ignored=True))
    (signal,) = told.signals
    assert signal.receiver_role == "job"


def test_only_what_is_in_the_container_must_be_at_rest() -> None:
    assert [p.role for p in history(*ENGINE, *RUN).resting()] == ["job", "sleep"]

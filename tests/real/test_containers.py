"""The job in a container, with a real engine of its own in the sandbox."""

from __future__ import annotations

import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from aftercancel import catalog
from aftercancel.judge import facts, judged
from aftercancel.model import (
    Action,
    Cancellation,
    Cell,
    CleanUp,
    Disposition,
    End,
    Evidence,
    Job,
    Observation,
    Processes,
    Step,
    Truth,
)
from aftercancel.places.this_machine import ThisMachine
from tests.real.vocabulary import (
    BASH,
    END,
    KILL_PROCESS,
    TERM_PROCESS,
    cell,
    job,
    marks,
    observe,
    observe_all,
    received,
    the,
)

LACKING = [name for name in ("docker", "dockerd", "containerd", "runc") if not shutil.which(name)]
pytestmark = pytest.mark.skipif(
    bool(LACKING), reason=f"not there: {', '.join(LACKING)} (apt-get install docker.io)"
)
LAUNCHERS = catalog.load().launchers
WAITING = job("mark ready\nROLE=child /bin/sleep 600", roles=("child",))
CLEANING = job(
    "trap 'mark EXIT begin; mark EXIT end' EXIT\ntrap 'exit 143' TERM\n"
    "ROLE=child /bin/sleep 600 &\nmark ready\nwait",
    roles=("child",),
    marks=("ready", "EXIT begin", "EXIT end"),
    cleanup="EXIT",
)


def run(*command: str, patience_s: float = 0.0) -> Cancellation:
    return Cancellation("run", "", (Step(Action.RUN, seconds=patience_s, command=command),))


STOP = run("docker", "stop", "-t", "1", "job", patience_s=3)
RESTART = Cancellation("restart", "", (Step(Action.RESTART, seconds=20),))


def under(launcher: str, what: Job, how: Cancellation, **fields: object) -> Cell:
    one = cell(replace(what, id=f"{launcher}-{how.id}"), how, **fields)  # type: ignore[arg-type]
    return replace(one, launcher=LAUNCHERS[launcher])


def folders_of_groups() -> set[str]:
    """Every control group that an executor of the lab has made."""
    return {
        str(folder)
        for top in Path("/sys/fs/cgroup").glob("**/aftercancel-*")
        for folder in (top, *top.glob("**/docker"))
    }


@pytest.fixture(scope="module")
def seen(traced: ThisMachine) -> dict[str, Observation]:
    """Several at once: they take a second of processor time each, and wait for the rest."""
    cells = [
        under("docker-run", WAITING, STOP),
        under("docker-run", replace(CLEANING, id="cleaning"), TERM_PROCESS),
        under("docker-run", WAITING, KILL_PROCESS),
        under("docker-run", CLEANING, RESTART),
        under("docker-run-init", WAITING, STOP),
        under("docker-run-t", CLEANING, TERM_PROCESS),
        under("docker-exec", CLEANING, STOP),
        under("docker-exec", WAITING, TERM_PROCESS),
    ]
    words = {one.id: f"{one.launcher.id}/{one.cancellation.id}" for one in cells}
    return {words[name]: found for name, found in observe_all(traced, cells).items()}


def test_pid_1_of_a_container_ignores_what_it_does_not_catch(seen: dict[str, Observation]) -> None:
    found = seen["docker-run/run"]
    term = next(s for s in received(found, "job") if s.signal == "TERM")
    assert the(found, "job").pid == 1
    assert (term.sender_role, term.call, term.disposition) == ("runc", "kill", Disposition.IGNORED)
    assert the(found, "job").end == End(signal="KILL")
    assert the(found, "job").ended_ms is not None


def test_under_init_the_job_is_not_pid_1_and_dies_of_term(seen: dict[str, Observation]) -> None:
    found = seen["docker-run-init/run"]
    assert the(found, "docker-init").pid == 1
    assert the(found, "job").end == End(signal="TERM")
    assert received(found, "job")[0].sender_role == "docker-init"


def test_the_client_passes_term_on_to_the_container(seen: dict[str, Observation]) -> None:
    found = seen["docker-run/TERM-process"]
    assert [s.sender_role for s in received(found, "docker") if s.signal == "TERM"] == ["runner"]
    assert [s.sender_role for s in received(found, "job") if s.signal == "TERM"] == ["runc"]
    assert judged(found).cleanup is CleanUp.RAN


def test_a_container_outlives_its_client_and_is_found(seen: dict[str, Observation]) -> None:
    outcome = judged(seen["docker-run/KILL-process"])
    assert outcome.processes is Processes.ORPHANED
    assert set(outcome.roles) == {"job", "child"}
    assert outcome.report is Truth.EARLY


def test_a_client_of_exec_passes_nothing_on(seen: dict[str, Observation]) -> None:
    found = seen["docker-exec/TERM-process"]
    assert received(found, "job") == []
    assert judged(found).processes is Processes.ORPHANED


def test_the_end_of_a_container_is_the_end_of_what_was_executed_in_it(
    seen: dict[str, Observation],
) -> None:
    found = seen["docker-exec/run"]
    assert the(found, "job").end == End(signal="KILL")
    assert "EXIT begin" not in marks(found)


def test_a_terminal_in_the_container_is_a_terminal_of_its_own(
    seen: dict[str, Observation],
) -> None:
    found = seen["docker-run-t/TERM-process"]
    assert the(found, "docker").terminal is not None
    assert the(found, "job").terminal is not None


def test_a_restart_of_the_engine_stops_its_containers_and_the_next_one_is_up(
    seen: dict[str, Observation],
) -> None:
    found = seen["docker-run/restart"]
    assert [s.sender_role for s in received(found, "job") if s.signal == "TERM"] == ["runc"]
    assert judged(found).cleanup is CleanUp.RAN


def test_the_engine_s_own_processes_are_nobody_s_orphans(seen: dict[str, Observation]) -> None:
    for found in seen.values():
        assert found.trouble is None, found.trouble
        assert "dockerd" not in {p.role for p in found.processes}
        assert not {p.role for p in facts.of_the_job(found)} & {"runc", "containerd-shim-runc-v2"}


def test_what_the_engine_keeps_below_run_is_no_left_over(seen: dict[str, Observation]) -> None:
    assert {file.path for found in seen.values() for file in found.left.files} == set()


def test_a_file_that_a_job_leaves_in_its_folder_is_found(traced: ThisMachine) -> None:
    leaves = job("echo x > stale.lock\nmark ready\nROLE=child /bin/sleep 600", roles=("child",))
    found = observe(traced, under("docker-run", leaves, STOP))
    assert [file.path for file in found.left.files] == ["/home/ci/stale.lock"]


def test_a_job_that_comes_to_its_own_end_gives_its_status(traced: ThisMachine) -> None:
    ends = job("mark ready\nexit 7", ends=True)
    found = observe(traced, under("docker-run", ends, END, shell=BASH))
    assert found.report is not None
    assert found.report.end == End(status=7)


def test_what_the_engine_refuses_ends_the_job_s_launcher(traced: ThisMachine) -> None:
    broken = replace(
        LAUNCHERS["docker-run"], argv=("docker", "run", "--name", "job", "no-such-image:lab")
    )
    found = observe(traced, replace(under("docker-run", WAITING, STOP), launcher=broken))
    assert found.trouble is not None
    assert "the job ended before it was armed" in found.trouble.words


def test_an_engine_that_does_not_come_up_is_said_with_its_last_words(
    traced: ThisMachine,
) -> None:
    exec_ = LAUNCHERS["docker-exec"]
    assert exec_.engine is not None
    broken = replace(exec_, engine=replace(exec_.engine, before=("docker", "run", "no-such:lab")))
    found = observe(traced, replace(under("docker-exec", WAITING, STOP), launcher=broken))
    assert found.trouble is not None
    assert "could not start its container engine" in found.trouble.words or (
        "docker run no-such:lab ended with" in found.trouble.words
    )


@pytest.mark.skipif(
    not shutil.which("docker-compose"), reason="not there: docker-compose (apt-get install it)"
)
def test_compose_down_stops_the_service_s_container(traced: ThisMachine) -> None:
    down = catalog.load().cancellations["docker-compose-down"]
    found = observe(traced, under("docker-compose-up", CLEANING, down))
    assert [s.signal for s in received(found, "job")][:1] == ["TERM"]
    assert judged(found).cleanup is CleanUp.RAN
    assert judged(found).processes is Processes.GONE


NO_PODMAN = [name for name in ("podman", "conmon") if not shutil.which(name)]
with_podman = pytest.mark.skipif(
    bool(NO_PODMAN), reason=f"not there: {', '.join(NO_PODMAN)} (apt-get install podman)"
)


@with_podman
def test_podman_s_processes_are_descendants_of_its_client_and_nobody_s_orphans(
    traced: ThisMachine,
) -> None:
    found = observe(traced, under("podman-run", WAITING, KILL_PROCESS))
    assert set(judged(found).roles) == {"job", "child"}
    assert the(found, "job").pid == 1
    assert {p.program for p in found.processes if p.of_engine} >= {"conmon"}


@with_podman
def test_podman_passes_term_on_and_pid_1_ignores_it(traced: ThisMachine) -> None:
    found = observe(traced, under("podman-run", WAITING, TERM_PROCESS))
    (term,) = [s for s in received(found, "job") if s.signal == "TERM"]
    assert term.disposition is Disposition.IGNORED


@with_podman
def test_podman_stop_ends_what_was_executed_in_the_container(traced: ThisMachine) -> None:
    stop = run("podman", "stop", "-t", "1", "job", patience_s=3)
    found = observe(traced, under("podman-exec", CLEANING, stop))
    assert the(found, "job").end == End(signal="KILL")
    assert found.left.files == ()
    assert not found.left.cut


def test_without_the_kernel_s_trace_a_container_s_processes_are_not_guessed() -> None:
    with ThisMachine(evidence=Evidence.PROC) as place:
        found = observe(place, under("docker-run", WAITING, STOP))
    assert found.trouble is not None
    assert "without the kernel trace" in found.trouble.words


def test_nothing_of_an_engine_is_left_behind() -> None:
    before = folders_of_groups()
    with ThisMachine() as place:
        observe(place, under("docker-run", WAITING, KILL_PROCESS))
        pid = place.pid
    assert folders_of_groups() == before
    assert pid is not None
    assert not os.path.exists(f"/proc/{pid}")

"""GitLab Runner's docker executor, with a real engine; only GitLab and its helper image are fakes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from aftercancel import catalog
from aftercancel.judge import judged
from aftercancel.model import CleanUp, Observation, Processes, Runner
from aftercancel.places.this_machine import ThisMachine
from aftercancel.runners import finding
from tests.real.vocabulary import BASH, cell, job, observe_all, received, the

CATALOGUE = catalog.load()
CANCELING = CATALOGUE.cancellations["canceling"]
TRAP = job(
    "trap 'mark TERM begin; mark TERM end; exit 1' TERM\n"
    "ROLE=child /bin/sleep 600 &\nmark ready\nwait",
    roles=("child",),
    marks=("ready", "TERM begin", "TERM end"),
    cleanup="TERM",
)
NO_TRAP = job("mark ready\nROLE=child /bin/sleep 600", roles=("child",))


@pytest.fixture(scope="module")
def runner() -> Runner:
    searches = finding.search({"gitlab-runner"}, finding.Wanted.of(()))
    found = finding.versions(CATALOGUE.runners, searches).get("gitlab-runner-docker", ())
    if not found:
        pytest.skip(str(finding.not_here(CATALOGUE.runners["gitlab-runner-docker"], searches)))
    return found[-1]


@pytest.fixture(scope="module")
def seen(traced: ThisMachine, runner: Runner) -> dict[str, Observation]:
    cells = [
        replace(cell(replace(what, id=name), CANCELING, shell=BASH), runner=runner)
        for name, what in (("trap", TRAP), ("no-trap", NO_TRAP))
    ]
    return {found.split("/")[0]: one for found, one in observe_all(traced, cells).items()}


def test_the_job_is_in_a_container_and_pid_1_is_the_runner_s_shell(
    seen: dict[str, Observation],
) -> None:
    for found in seen.values():
        assert found.trouble is None, found.trouble
        assert the(found, "bash").pid == 1
        assert the(found, "bash").user == "root"


def test_its_script_in_the_container_signals_the_job_and_its_child(
    seen: dict[str, Observation],
) -> None:
    """executors/docker/docker.go, ``sendSIGTERMToContainerProcs``."""
    found = seen["trap"]
    for role in ("job", "child"):
        assert {s.sender_role for s in received(found, role) if s.signal == "TERM"} <= {"sh", "job"}
    assert any(s.sender_role == "sh" for s in received(found, "child"))


def test_what_becomes_of_the_job_is_judged_and_the_engine_is_nobody_s_orphan(
    seen: dict[str, Observation],
) -> None:
    for found in seen.values():
        assert judged(found).processes is Processes.GONE
        assert found.report is not None
        assert found.left.files == ()
    assert judged(seen["trap"]).cleanup is not CleanUp.UNKNOWN

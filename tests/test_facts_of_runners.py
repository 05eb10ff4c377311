"""What of a cell is the runner's own, where a real one or a model stands above the job."""

from __future__ import annotations

from typing import Any

import pytest

from aftercancel.judge import facts
from aftercancel.model import Disposition, Observation, Process, Processes, Signal
from tests.observing import RUNNER, cell, child, job, process, sent, survivor, verdict

REAL = "exit-trap/bash/none/gitlab-runner@17.5.0/canceling"
MODEL = "exit-trap/bash/none/gitlab-runner-modelled/canceling"
THROUGH_TIMEOUT = "exit-trap/bash/timeout/gitlab-runner@17.5.0/canceling"
THE_LABS_OWN = "exit-trap/bash/none/plain-tty/TERM-group"

STAGE = process("bash", "/usr/bin/bash", key=1, ended=-50.0, status=0)
"""What the runner ran before the job, as a checkout."""
SHELL = process("bash", "/usr/bin/bash", key=2, parent=0, ended=3.0, status=1)
"""The shell of the runner's, which it started the job with."""
JOB = job(key=3, parent=2)
CHILD = child(key=4, parent=3)


def below_a_shell(*more: Process, where: str = REAL) -> Observation:
    return cell(STAGE, SHELL, JOB, CHILD, *more, cell=where)


@pytest.mark.parametrize("where", [REAL, MODEL])
def test_what_stands_above_the_job_is_the_runner_s(where: str) -> None:
    assert facts.of_the_runner(below_a_shell(where=where)) == {1, 2}


def test_the_job_and_what_is_below_it_is_not() -> None:
    assert not facts.of_the_runner(below_a_shell()) & {3, 4}


def test_of_the_lab_s_own_runners_nothing_stands_above_the_job() -> None:
    assert facts.of_the_runner(below_a_shell(where=THE_LABS_OWN)) == frozenset()


def test_with_a_launcher_nobody_can_tell_whose_it_is() -> None:
    assert facts.of_the_runner(below_a_shell(where=THROUGH_TIMEOUT)) == frozenset()


def test_where_the_job_is_not_known_nothing_is_the_runner_s() -> None:
    assert facts.of_the_runner(cell(STAGE, SHELL, cell=REAL)) == frozenset()


def test_what_has_a_role_is_the_job_s_wherever_it_stands() -> None:
    daemon = survivor("daemon", key=5, parent=None)
    seen = below_a_shell(daemon)
    assert 5 not in facts.of_the_runner(seen)
    outcome = verdict(seen)
    assert (outcome.processes, outcome.roles) == (Processes.ORPHANED, ("daemon",))


def test_what_is_left_of_the_runner_s_own_is_nothing_that_the_job_left() -> None:
    stays = process("bash", "/usr/bin/bash", key=2, parent=0)
    assert verdict(cell(STAGE, stays, JOB, CHILD, cell=REAL)).processes is Processes.GONE


def test_of_what_the_runner_started_the_first_is_the_one_above_the_job() -> None:
    first = facts.first_process(below_a_shell())
    assert first is not None
    assert first.key == SHELL.key


def test_a_job_that_the_runner_starts_itself_is_the_first() -> None:
    seen = cell(STAGE, job(key=2, parent=0), child(key=3, parent=2), cell=REAL)
    first = facts.first_process(seen)
    assert first is not None
    assert first.role == "job"


def test_a_job_whose_parent_has_gone_has_the_first_that_the_runner_started() -> None:
    seen = cell(STAGE, job(key=2, parent=None), cell=REAL)
    first = facts.first_process(seen)
    assert first is not None
    assert first.key == STAGE.key


def test_where_nobody_is_the_job_the_first_that_the_runner_started_is_meant() -> None:
    first = facts.first_process(cell(STAGE, SHELL, cell=REAL))
    assert first is not None
    assert first.key == STAGE.key


def to_itself(name: str, whom: Process, **more: Any) -> Signal:
    return sent(name, by=whom, to=whom, met=Disposition.CAUGHT, **more)


def of_the_kernel(name: str, whom: Process, met: Disposition = Disposition.CAUGHT) -> Signal:
    return sent(name, by=None, to=whom, met=met)


@pytest.mark.parametrize(
    "signal",
    [
        pytest.param(of_the_kernel("CHLD", JOB), id="a-child-s-end"),
        pytest.param(to_itself("URG", JOB), id="a-go-program-s-preemption"),
        pytest.param(to_itself("URG", RUNNER), id="the-runner-s-preemption"),
        pytest.param(to_itself("RTMIN+28", RUNNER), id="the-jvm-s-own-signals"),
        pytest.param(of_the_kernel("SEGV", RUNNER), id="the-jvm-s-faults"),
    ],
)
def test_what_a_runtime_does_with_its_own_threads_interests_nobody(signal: Signal) -> None:
    assert facts.of_no_interest(signal)
    assert facts.effects(cell(JOB, CHILD, cell=REAL, signals=(signal,))) == ()


@pytest.mark.parametrize(
    "signal",
    [
        pytest.param(sent("TERM", by=RUNNER, to=JOB), id="a-signal-to-the-job"),
        pytest.param(to_itself("TERM", JOB), id="a-job-s-to-itself"),
        pytest.param(sent("URG", by=RUNNER, to=JOB), id="another-s-urg"),
        pytest.param(sent("CHLD", by=RUNNER, to=JOB), id="somebody-s-chld"),
        pytest.param(of_the_kernel("SEGV", JOB), id="a-fault-of-the-job"),
        pytest.param(
            of_the_kernel("SEGV", RUNNER, Disposition.DEFAULT), id="a-fault-that-ends-the-runner"
        ),
        pytest.param(of_the_kernel("HUP", JOB), id="a-terminal-s-hang-up"),
        pytest.param(of_the_kernel("KILL", RUNNER), id="what-the-kernel-kills"),
    ],
)
def test_what_somebody_does_to_somebody_is_told(signal: Signal) -> None:
    assert not facts.of_no_interest(signal)
    assert facts.effects(cell(JOB, CHILD, cell=REAL, signals=(signal,))) == (signal,)

"""The real act, gitlab-ci-local, ansible-playbook and ansible-runner, driven without a sandbox."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from aftercancel.model import End, Said
from aftercancel.runners import act, ansible, gitlab_ci_local
from aftercancel.runners.finding import find
from aftercancel.runners.protocol import Kind
from tests.driving import Driven, alive, end_by_pid

KINDS = {k.name: k for k in (act.KIND, gitlab_ci_local.KIND, ansible.PLAYBOOK, ansible.RUNNER)}
EACH = pytest.mark.parametrize("name", list(KINDS))
DASH: dict[str, object] = {"shell": ("/bin/dash",)}
WAITS = """\
trap 'echo TERM >> "$MARKS"; exit 143' TERM
trap 'echo EXIT >> "$MARKS"' EXIT
echo "pid $$" >> "$MARKS"
echo ready >> "$MARKS"
sleep 60 &
wait
"""

Start = Callable[[str], Driven]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts a runner; what a job of its left is ended, and must be its own until then."""
    made: list[Driven] = []

    def begin(name: str) -> Driven:
        kind: Kind = KINDS[name]
        search = find(kind)
        if not search.found:
            problems = " ".join(search.problems)
            pytest.skip(f"{name} was not found. {problems} {kind.get}")
        made.append(Driven(kind, search.found[-1], tmp_path))
        made[-1].__enter__()
        return made[-1]

    yield begin
    for driven in made:
        driven.adapter.stop()
        for pid in pids(driven):
            if alive(pid):
                end_by_pid(pid)


def pids(driven: Driven) -> list[int]:
    return [int(mark.split()[1]) for mark in driven.marked() if mark.startswith("pid ")]


def signalled(driven: Driven, name: str) -> None:
    """Send the runner a signal as soon as its job waits."""
    driven.submit(WAITS, **DASH)
    driven.until_marked("ready")
    assert driven.adapter.runner is not None
    os.kill(driven.adapter.runner, signal.Signals[f"SIG{name}"])


@EACH
def test_jobs_come_one_after_another_and_success_and_failure_are_told_apart(
    start: Start, name: str
) -> None:
    driven = start(name)
    script = 'echo hello; echo "$PWD" >> "$MARKS"; echo "$WORDS" >> "$MARKS"'
    driven.submit(script, env={"WORDS": "a 'b' $HOME"})
    assert driven.until_reported()[0] is Said.SUCCESS
    assert driven.marked() == [str(driven.home), "a 'b' $HOME"]
    assert b"hello" in driven.told.log
    assert driven.adapter.idle(5.0)
    driven.submit('echo "$PWD" >> "$MARKS"; exit 3', whole=False, **DASH)
    said, words, end = driven.until_reported()
    assert (said, end) == (Said.FAILED, End(status=3))
    assert words.startswith(f"{name} ended with status ")
    assert driven.marked() == [str(driven.home)]


@EACH
def test_one_that_is_killed_reports_nothing_and_stop_leaves_nothing(
    start: Start, name: str
) -> None:
    driven = start(name)
    signalled(driven, "KILL")
    runner = driven.adapter.runner
    assert runner is not None
    driven.until(lambda: not alive(runner), "the runner's end")
    driven.adapter.stop()
    assert driven.told.reports == []
    assert not any(alive(pid) for pid in pids(driven))


@pytest.mark.parametrize("name", ["act", "gitlab-ci-local"])
def test_what_comes_after_a_job_comes_after_a_failure_too(start: Start, name: str) -> None:
    driven = start(name)
    driven.submit("exit 3", after='echo after >> "$MARKS"')
    assert driven.until_reported()[0] is Said.FAILED
    assert driven.marked() == ["after"]


def test_act_says_that_it_cancelled_a_step(start: Start) -> None:
    driven = start("act")
    signalled(driven, "INT")
    said, words, end = driven.until_reported()
    assert (said, end) == (Said.CANCELLED, End(signal="KILL"))
    assert "this step has been cancelled: signal: killed" in words


def test_gitlab_ci_local_says_nothing_of_the_job_at_int(start: Start) -> None:
    driven = start("gitlab-ci-local")
    signalled(driven, "INT")
    assert driven.until_reported() == (Said.FAILED, "gitlab-ci-local ended with status 2", None)


def test_ansible_playbook_says_that_its_user_interrupted_it(start: Start) -> None:
    driven = start("ansible-playbook")
    signalled(driven, "INT")
    said, words, _ = driven.until_reported()
    assert said is Said.CANCELLED
    assert "User interrupted execution" in words


def test_ansible_runner_exits_with_254_when_it_was_cancelled(start: Start) -> None:
    driven = start("ansible-runner")
    signalled(driven, "TERM")
    said, words, _ = driven.until_reported()
    assert (said, words) == (Said.CANCELLED, "ansible-runner ended with status 254")

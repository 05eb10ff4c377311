"""The real GitLab Runner, driven by its adapter with the fake GitLab, without a sandbox."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from aftercancel.errors import RunnerError
from aftercancel.model import End, Said
from aftercancel.runners.gitlab_runner import KIND
from aftercancel.runners.protocol import Found
from tests.driving import Driven, alive, end_by_pid

SHELLS = {"bash": ("/bin/bash",), "sh": ("/bin/dash",)}
BOTH = pytest.mark.parametrize("shell", list(SHELLS))
TRAPS = """\
trap 'echo TERM >> "$MARKS"; exit 1' TERM
trap 'echo EXIT >> "$MARKS"' EXIT
echo ready >> "$MARKS"
sleep 60 &
wait
"""
WAITS = 'echo ready >> "$MARKS"\nsleep 60'
IGNORES = 'trap "" TERM\necho ready >> "$MARKS"\necho "pid $$" >> "$MARKS"\nsleep 60'
AFTER = 'echo after >> "$MARKS"'

Start = Callable[..., Driven]


@pytest.fixture(scope="module")
def found() -> Found:
    """The program: of AFTERCANCEL_RUNNERS' folders, the lab's own folder of runners, or PATH."""
    told = os.environ.get("AFTERCANCEL_RUNNERS", "").split(":")
    folders = [*filter(None, told), str(Path("~/.cache/aftercancel/runners").expanduser())]
    path = shutil.which("gitlab-runner", path=":".join([*folders, os.environ.get("PATH", "")]))
    if path is None:
        pytest.skip(f"gitlab-runner is not there. {KIND.get}")
    return KIND.find(Path(path))


@pytest.fixture
def start(found: Found, tmp_path: Path) -> Start:
    return lambda **options: Driven(KIND, found, tmp_path, **options)


def submit(driven: Driven, script: str, shell: str = "bash", **words: object) -> None:
    driven.submit(script, shell=SHELLS[shell], **words)


def runner(driven: Driven) -> int:
    assert driven.adapter.runner is not None
    return driven.adapter.runner


def ended(driven: Driven) -> Callable[[], bool]:
    pid = runner(driven)
    return lambda: not alive(pid)


# -- jobs that end by themselves


@BOTH
def test_success_and_failure_are_told_apart(start: Start, shell: str) -> None:
    with start(shell=shell) as driven:
        submit(driven, "echo hello", shell)
        assert driven.until_reported() == (Said.SUCCESS, "state=success", End(status=0))
        assert b"\nhello\n" in driven.told.log
        assert driven.adapter.idle(10)
        submit(driven, "exit 3", shell)
        words = "state=failed failure_reason=script_failure exit_code=3"
        assert driven.until_reported() == (Said.FAILED, words, End(status=3))


@BOTH
def test_a_job_has_its_variables_and_starts_in_its_folder(start: Start, shell: str) -> None:
    with start(shell=shell) as driven:
        submit(driven, 'echo "<$ODD> $(pwd)"', shell, env={"ODD": "$HOME 'x' \"y\" `z`"})
        driven.until_reported()
        assert f"<$HOME 'x' \"y\" `z`> {driven.home}" in driven.told.log.decode()


def test_a_driver_of_the_custom_executor_that_stays_passes_the_status_on(start: Start) -> None:
    with start(executor="custom", run="stays") as driven:
        submit(driven, "exit 3")
        assert driven.until_reported()[2] == End(status=3)


def test_a_job_of_another_shell_is_called_by_its_command_line(start: Start) -> None:
    with start() as driven:
        submit(driven, 'echo "$0"; exit 4', "sh")
        assert driven.until_reported()[2] == End(status=4)
        assert str(driven.jobs / "job.sh") in driven.told.log.decode()


def test_output_comes_while_the_job_runs(start: Start) -> None:
    with start() as driven:
        go = driven.folder / "go"
        submit(driven, f"echo early\nuntil [ -e {go} ]; do sleep 0.05; done\necho late")
        driven.until(lambda: b"\nearly\n" in driven.told.log, "the job's first words")
        assert not driven.told.reports
        go.touch()
        driven.until_reported()
        assert b"\nlate\n" in driven.told.log


# -- cancelling


@BOTH
def test_canceling_runs_the_handlers_and_after_script(start: Start, shell: str) -> None:
    with start(shell=shell) as driven:
        submit(driven, TRAPS, shell, after=AFTER, ways=("canceling",))
        driven.until_marked("ready")
        driven.adapter.ask("canceling")
        said, words, end = driven.until_reported()
        assert (said, end) == (Said.CANCELLED, None)
        assert words.startswith("state=failed failure_reason=job_canceled; GitLab shows canceled")
        assert driven.marked() == ["ready", "TERM", "EXIT", "after"]
        with pytest.raises(RunnerError, match="cannot be cancelled any more: it is canceled"):
            driven.adapter.ask("canceling")


@pytest.mark.parametrize("way", ["canceled", "forgotten"])
def test_canceled_and_forgotten_leave_out_after_script(start: Start, way: str) -> None:
    with start() as driven:
        submit(driven, TRAPS, after=AFTER, ways=(way,))
        driven.until_marked("ready")
        driven.adapter.ask(way)
        said, words, _ = driven.until_reported()
        assert said is Said.CANCELLED
        assert "failure_reason=job_canceled; answered 403" in words
        assert driven.marked() == ["ready", "TERM", "EXIT"]


def test_a_job_timeout_leaves_out_after_script(start: Start) -> None:
    with start() as driven:
        submit(driven, WAITS, after=AFTER, ways=("job-timeout",), limit_s=1.0)
        words = "state=failed failure_reason=job_execution_timeout"
        assert driven.until_reported() == (Said.FAILED, words, None)
        assert driven.marked() == ["ready"]


def test_a_script_timeout_runs_after_script(start: Start) -> None:
    with start() as driven:
        submit(driven, WAITS, after=AFTER, ways=("script-timeout",), limit_s=0.5)
        words = "state=failed failure_reason=job_execution_timeout"
        assert driven.until_reported() == (Said.FAILED, words, None)
        assert driven.marked() == ["ready", "after"]


def test_the_custom_executor_kills_who_ignores_term_after_its_grace(start: Start) -> None:
    with start(executor="custom", graceful_kill_timeout="1") as driven:
        submit(driven, IGNORES, ways=("canceling",))
        driven.until_marked("ready")
        driven.adapter.ask("canceling")
        assert driven.until_reported()[0] is Said.CANCELLED
        assert not any(alive(int(m.split()[1])) for m in driven.marked() if m.startswith("pid"))


# -- the queue


def test_further_jobs_are_taken_one_after_another(start: Start) -> None:
    with start() as driven:
        go = driven.folder / "go"
        submit(driven, f'echo ready >> "$MARKS"\nuntil [ -e {go} ]; do sleep 0.05; done')
        driven.until_marked("ready")
        driven.adapter.further(2)
        assert [each.started_ns for each in driven.adapter.queue()] == [None, None]
        assert not driven.adapter.idle(0.1)
        go.touch()
        driven.until_reported()
        assert driven.adapter.idle(10)
        first, second = (each.started_ns for each in driven.adapter.queue())
        assert driven.told.at_ns[0] < (first or 0) < (second or 0)
        assert all(each.listed for each in driven.adapter.queue())


# -- the runner itself


def test_term_to_the_runner_ends_its_job_and_itself(start: Start) -> None:
    with start() as driven:
        submit(driven, TRAPS, after=AFTER)
        driven.until_marked("ready")
        os.kill(runner(driven), signal.SIGTERM)
        said, words, _ = driven.until_reported()
        assert said is Said.FAILED
        assert words in {  # the second: before 19.1
            "state=failed failure_reason=runner_interrupted",
            "state=failed failure_reason=runner_system_failure",
        }
        assert driven.marked() == ["ready", "TERM", "EXIT"]
        driven.until(ended(driven), "the end of the runner")
        assert not driven.adapter.idle(5)
        with pytest.raises(RunnerError, match="so it takes no job"):
            submit(driven, "true")


def test_quit_to_the_runner_lets_its_job_end(start: Start) -> None:
    with start() as driven:
        go = driven.folder / "go"
        submit(driven, f'echo ready >> "$MARKS"\nuntil [ -e {go} ]; do sleep 0.05; done')
        driven.until_marked("ready")
        driven.adapter.further(1)
        os.kill(runner(driven), signal.SIGQUIT)
        with pytest.raises(RunnerError, match="is still running"):
            driven.adapter.start_again()
        go.touch()
        assert driven.until_reported()[0] is Said.SUCCESS
        driven.until(ended(driven), "the end of the runner")
        assert driven.adapter.queue()[0].started_ns is None


def test_after_kill_a_new_runner_takes_what_waits(start: Start) -> None:
    with start() as driven:
        submit(driven, f'echo "pid $$" >> "$MARKS"\n{WAITS}')
        driven.until_marked("ready")
        driven.adapter.further(1)
        os.kill(runner(driven), signal.SIGKILL)
        driven.until(ended(driven), "the end of the runner")
        for mark in driven.marked():
            if mark.startswith("pid"):
                os.killpg(int(mark.split()[1]), signal.SIGKILL)
        driven.adapter.start_again()
        assert driven.adapter.idle(10)
        assert driven.adapter.queue()[0].started_ns is not None
        assert not driven.told.reports
        submit(driven, "true")
        assert driven.until_reported()[0] is Said.SUCCESS


def test_stop_leaves_nobody_who_ignores_term(start: Start) -> None:
    with start() as driven:
        submit(driven, IGNORES)
        driven.until(lambda: len(driven.marked()) == 2, "the job's process id")
        pids = [runner(driven), int(driven.marked()[1].split()[1])]
    left = [pid for pid in pids if alive(pid)]
    for pid in left:
        end_by_pid(pid)
    assert not left

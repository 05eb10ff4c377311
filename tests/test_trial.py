"""A runner on trial: one that cannot tell success from failure is not measured."""

from __future__ import annotations

import os
import pwd
import signal
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from aftercancel.errors import RunnerError
from aftercancel.model import Said
from aftercancel.runners import trial
from aftercancel.runners.ground import Ground
from aftercancel.runners.protocol import Further, Work
from aftercancel.runners.trial import Heard, Trial

SLEEPS = "exec /bin/sleep"


@dataclass
class Pretender:
    """An adapter that answers at once; each field is a way to answer otherwise."""

    success: Said | None = Said.SUCCESS
    """What it says of a job that succeeds; None: nothing."""
    failure: Said | None = Said.FAILED
    cancelled: Said | None = Said.CANCELLED
    starts: bool = True
    takes_more: bool = True
    runner: int | None = None
    server: int | None = None
    trial: Trial | None = None
    asked: list[str] = field(default_factory=list)
    scripts: list[str] = field(default_factory=list)

    def submit(self, work: Work) -> None:
        self.scripts.append(Path(work.path).read_text())
        if SLEEPS in work.script:
            if self.starts:
                (Path(work.folder) / "trial-armed").touch()
            return
        self._say(self.success if work.script == "exit 0" else self.failure)

    def _say(self, said: Said | None) -> None:
        assert self.trial is not None
        self.trial.heard(Heard.LOG, "line of the job\n")
        if said is not None:
            self.trial.heard(Heard.REPORT, f"{said}: state={said}", said)

    def ask(self, way: str) -> None:
        self.asked.append(way)
        self._say(self.cancelled)

    def idle(self, within_s: float) -> bool:
        return self.takes_more

    def start(self) -> None: ...
    def further(self, number: int) -> None: ...
    def queue(self) -> Sequence[Further]:
        return ()

    def start_again(self) -> None: ...
    def stop(self) -> None: ...


@pytest.fixture
def ground(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Ground:
    """Where nothing is awaited for long."""
    monkeypatch.setattr(trial, "_WITHIN_S", 0.3)
    me = pwd.getpwuid(os.getuid())
    (tmp_path / "runner").mkdir()
    (tmp_path / "home").mkdir()
    made = Ground(
        Path("/bin/true"), "1.0", tmp_path / "runner", tmp_path / "home", me.pw_uid, me.pw_name
    )
    made.log.write_text("its last words\n")
    return made


@pytest.fixture
def running() -> Iterator[subprocess.Popen[bytes]]:
    """The process of a runner that has no ways of its own."""
    process = subprocess.Popen(["/bin/sleep", "60"])
    yield process
    process.kill()
    process.wait()


def failure(pretender: Pretender, ground: Ground, way: str | None = "cancel") -> str | None:
    pretender.trial = Trial(pretender, ground, way)
    return pretender.trial.failure()


def test_a_runner_that_tells_them_apart_may_be_measured(ground: Ground) -> None:
    assert failure(Pretender(), ground) is None


def test_three_jobs_are_tried_one_after_another(ground: Ground) -> None:
    pretender = Pretender()
    failure(pretender, ground)
    first, second, third = pretender.scripts
    assert (first, second) == ("#!/bin/sh\nexit 0\n", "#!/bin/sh\nexit 3\n")
    assert SLEEPS in third


def test_the_third_is_cancelled_in_the_runner_s_own_way(ground: Ground) -> None:
    pretender = Pretender()
    failure(pretender, ground, "stop")
    assert pretender.asked == ["stop"]


def test_a_failing_job_that_is_called_a_success_is_named(ground: Ground) -> None:
    words = failure(Pretender(failure=Said.SUCCESS), ground)
    assert words == "a job that does nothing but `exit 3` was reported as 'success: state=success'"


def test_a_job_that_succeeds_and_is_called_a_failure_is_named(ground: Ground) -> None:
    words = failure(Pretender(success=Said.FAILED), ground)
    assert words == "a job that does nothing but `exit 0` was reported as 'failed: state=failed'"


def test_a_failing_job_that_is_called_cancelled_is_named(ground: Ground) -> None:
    assert failure(Pretender(failure=Said.CANCELLED), ground) is not None


def test_a_cancelled_job_that_is_called_a_success_is_named(ground: Ground) -> None:
    words = failure(Pretender(cancelled=Said.SUCCESS), ground)
    assert words == "a job that was cancelled was reported as 'success: state=success'"


def test_a_cancelled_job_may_be_called_a_failure(ground: Ground) -> None:
    assert failure(Pretender(cancelled=Said.FAILED), ground) is None


@pytest.mark.parametrize(
    ("pretender", "words"),
    [
        (Pretender(success=None), r"a job that does nothing but `exit 0` was not reported"),
        (Pretender(failure=None), r"a job that does nothing but `exit 3` was not reported"),
        (Pretender(starts=False), "a job that sleeps was not started"),
        (Pretender(cancelled=None), "a job that was cancelled was not reported"),
        (Pretender(takes_more=False), "it takes no further job after one"),
    ],
    ids=["success", "failure", "start", "cancel", "idle"],
)
def test_what_never_comes_is_named_with_what_the_runner_said_last(
    ground: Ground, pretender: Pretender, words: str
) -> None:
    with pytest.raises(RunnerError, match=words) as refused:
        failure(pretender, ground)
    assert "its last words" in str(refused.value)


def test_a_job_that_is_reported_instead_of_started_is_named_at_once(
    ground: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trial, "_WITHIN_S", 60.0)

    class Hasty(Pretender):
        def submit(self, work: Work) -> None:
            super().submit(work)
            if SLEEPS in work.script:
                self._say(Said.FAILED)

    with pytest.raises(RunnerError, match=r"was not started; the job's log: .*line of the job"):
        failure(Hasty(starts=False), ground)


def test_a_runner_without_a_way_of_its_own_gets_term_and_may_die_of_it_without_a_word(
    ground: Ground, running: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trial, "_WITHIN_S", 30.0)
    assert failure(Pretender(runner=running.pid), ground, None) is None
    assert running.wait(20) == -signal.SIGTERM


def test_a_runner_that_neither_dies_of_term_nor_says_a_word_is_named(ground: Ground) -> None:
    with subprocess.Popen(
        ["/bin/sh", "-c", "trap '' TERM; echo ready; exec /bin/sleep 60"], stdout=subprocess.PIPE
    ) as deaf:
        assert deaf.stdout is not None
        deaf.stdout.readline()
        with pytest.raises(RunnerError, match="a job that was cancelled was not reported"):
            failure(Pretender(runner=deaf.pid), ground, None)
        deaf.kill()

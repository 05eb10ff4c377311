"""Root's process that drives a real runner: what it tells, what it obeys, what it leaves."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from aftercancel.executor.launch import File
from aftercancel.model import Action, Channel, Sender, Step, Target
from aftercancel.runners.steward import OUTPUT_LIMIT
from tests.stewarding import Stewarded

CANCEL = Step(Action.ASK, way="cancel")
FORCE = Step(Action.ASK, way="force")
START = Step(Action.START, to=Target.RUNNER)


def signalled(name: str, to: Target, by: Sender = Sender.RUNNER) -> Step:
    return Step(Action.SIGNAL, signal=name, to=to, by=by)


@pytest.fixture
def it(tmp_path: Path) -> Iterator[Stewarded]:
    """A steward whose runner is ready."""
    with Stewarded(tmp_path) as steward:
        steward.told("ready")
        yield steward


@pytest.fixture
def sleeping() -> Iterator[subprocess.Popen[bytes]]:
    """A process that stands for the job, or for the runner."""
    process = subprocess.Popen(["/bin/sleep", "60"], start_new_session=True)
    yield process
    process.kill()
    process.wait()


# The runner


def test_a_runner_that_has_been_started_is_told_with_its_number(tmp_path: Path) -> None:
    with Stewarded(tmp_path, runner="4711") as it:
        it.told("ready")
        assert it.messages[-1]["runner"] == 4711


def test_a_runner_that_is_started_for_each_job_has_no_number_yet(tmp_path: Path) -> None:
    with Stewarded(tmp_path) as it:
        it.told("ready")
        assert it.messages[-1]["runner"] is None


def test_a_runner_is_told_as_started_before_its_trial(tmp_path: Path) -> None:
    with Stewarded(tmp_path) as it:
        it.told("ready")
        kinds = [key for message in it.messages for key in message]
        assert kinds.index("up") < kinds.index("ready")


def test_what_a_runner_logged_is_told_when_it_is_asked_for(tmp_path: Path) -> None:
    with Stewarded(tmp_path) as it:
        it.told("ready")
        it.order(log=True)
        assert it.told("log") == "the runner's own log"


def test_of_a_cell_only_what_was_logged_in_it_is_told(tmp_path: Path) -> None:
    with Stewarded(tmp_path) as it:
        it.told("ready")
        it.give("exit 0")
        it.told("started")
        it.order(log=True)
        assert it.told("log") == "it said nothing"


def test_a_runner_that_does_not_start_is_told_with_its_words_and_its_log(tmp_path: Path) -> None:
    with Stewarded(tmp_path, fails="its port is taken") as it:
        assert it.told("error") == "its port is taken"
        assert it.heard("log") == ["the runner's own log"]
        assert it.ended() == 1
    assert (tmp_path / "home" / "stopped").exists()


def test_an_adapter_that_breaks_is_told_too(tmp_path: Path) -> None:
    with Stewarded(tmp_path, breaks="nothing of the kind") as it:
        assert (
            it.told("error") == "the adapter of obedient failed: ValueError('nothing of the kind')"
        )
        assert it.ended() == 1


def test_a_runner_on_trial_that_answers_as_expected_is_ready(tmp_path: Path) -> None:
    with Stewarded(tmp_path, tried=False) as it:
        it.told("ready")
        assert it.heard("report") == []
    assert not (tmp_path / "home" / "trial-armed").exists()


def test_a_runner_on_trial_that_does_not_is_never_ready(tmp_path: Path) -> None:
    with Stewarded(tmp_path, tried=False, lies="yes") as it:
        words = it.told("error")
        assert it.ended() == 1
    assert words.startswith("obedient does not answer as expected: a job that does nothing but")
    assert it.heard("ready") == []


def test_when_nobody_listens_any_more_the_runner_is_stopped(it: Stewarded) -> None:
    assert it.leave() == 0
    assert (it.home / "stopped").exists()


# A job


def test_a_job_is_handed_over_with_its_script_in_an_executable_file(it: Stewarded) -> None:
    path = Path(it.give("says hello"))
    it.told("started")
    assert path.read_text() == "says hello"
    assert path.stat().st_mode & 0o777 == 0o755


def test_what_must_be_there_for_a_job_is_there(it: Stewarded) -> None:
    needed = it.folder / "bin" / "tool"
    it.give("says hello", files=(File(str(needed), "#!/bin/sh\n", 0o755, of_user=True),))
    it.told("started")
    assert needed.read_text() == "#!/bin/sh\n"
    assert it.clear()
    assert not needed.exists()


def test_a_job_that_the_runner_refuses_is_told_with_its_words(it: Stewarded) -> None:
    it.give("refuses 413: it is too long")
    assert it.told("error") == "413: it is too long"
    assert it.heard("log") == ["the runner's own log"]
    assert it.heard("started") == []


def test_the_job_s_log_is_passed_on(it: Stewarded) -> None:
    it.give("says one", "says two")
    it.told("started")
    assert it.output == b"one\ntwo\n"


def test_the_runner_s_word_is_passed_on_literally(it: Stewarded) -> None:
    it.give("reports failed state=failed exit_code=3")
    report = it.told("report")
    assert (report["said"], report["words"]) == ("failed", "state=failed exit_code=3")
    assert report["at_ns"] > 0


def test_how_the_first_process_ended_is_told_where_the_runner_says_it(it: Stewarded) -> None:
    it.give("ends TERM")
    report = it.told("report")
    assert (report["status"], report["signal"]) == (None, "TERM")


def test_a_job_is_reported_once(it: Stewarded) -> None:
    it.give("reports success one", "reports failed two")
    it.told("started")
    assert [report["words"] for report in it.heard("report")] == ["one"]


def test_the_next_job_is_reported_for_itself(it: Stewarded) -> None:
    it.give("reports success one")
    it.told("started")
    it.clear()
    it.give("reports failed two")
    it.told("started")
    assert [report["words"] for report in it.heard("report")] == ["one", "two"]


def test_output_is_counted_before_the_report_and_after_it(it: Stewarded) -> None:
    it.give("says-bytes 10", "reports success x", "says-bytes 3")
    it.told("started")
    assert it.counts() == (10, 3, 13)


def test_of_a_long_log_only_the_beginning_is_passed_on(it: Stewarded) -> None:
    it.give(f"says-bytes {OUTPUT_LIMIT - 10}", "says-bytes 30", "says-bytes 5")
    it.told("started")
    assert it.counts() == (OUTPUT_LIMIT + 25, 0, OUTPUT_LIMIT)
    assert len(it.output) == OUTPUT_LIMIT


def test_the_next_job_s_output_is_counted_from_nothing(it: Stewarded) -> None:
    it.give("says-bytes 10", "reports success x", "says-bytes 3")
    it.told("started")
    it.clear()
    it.give("says-bytes 2")
    it.told("started")
    assert it.counts() == (2, 0, 2)


# Firing


def test_nothing_is_fired_before_the_order_to(it: Stewarded) -> None:
    it.give("says hello", steps=[CANCEL])
    it.told("started")
    assert it.counts() == (6, 0, 6)
    assert it.heard("fired") == []


def test_a_runner_is_asked_in_its_own_way(it: Stewarded) -> None:
    it.give("says hello", steps=[CANCEL])
    it.fire()
    fired = it.told("fired")
    assert (fired["what"], fired["error"]) == ("ask for cancel", None)
    (report,) = it.heard("report")
    assert (report["said"], report["words"]) == ("cancelled", "state=cancelled")
    assert fired["at_ns"] <= report["at_ns"]


def test_a_refusal_is_told_with_its_words_and_the_next_step_is_fired(it: Stewarded) -> None:
    it.give("says hello", steps=[FORCE, CANCEL])
    it.fire()
    assert it.told("fired")["error"] == "404: there is no way force"
    assert it.told("fired")["error"] is None


def test_a_step_waits_for_its_time(it: Stewarded) -> None:
    it.give("says hello", steps=[FORCE, Step(Action.WAIT, seconds=0.2), CANCEL])
    it.fire()
    first, second = it.told("fired"), it.told("fired")
    assert second["at_ns"] - first["at_ns"] >= 0.2e9


def test_orders_are_obeyed_while_a_step_waits(it: Stewarded) -> None:
    it.give("says hello", steps=[Step(Action.WAIT, seconds=60), CANCEL])
    it.fire()
    assert it.counts() == (6, 0, 6)
    assert it.clear()
    assert it.heard("fired") == []


def test_the_job_s_process_is_signalled_by_root(
    it: Stewarded, sleeping: subprocess.Popen[bytes]
) -> None:
    it.give("says hello", steps=[signalled("TERM", Target.PROCESS, Sender.ROOT)])
    it.fire(sleeping.pid)
    fired = it.told("fired")
    assert (fired["what"], fired["error"]) == ("TERM to process by root", None)
    assert sleeping.wait(20) == -15


def test_the_job_s_group_is_signalled(it: Stewarded, sleeping: subprocess.Popen[bytes]) -> None:
    it.give("says hello", steps=[signalled("KILL", Target.GROUP, Sender.ROOT)])
    it.fire(sleeping.pid)
    assert it.told("fired")["error"] is None
    assert sleeping.wait(20) == -9


def test_the_runner_itself_is_signalled(tmp_path: Path, sleeping: subprocess.Popen[bytes]) -> None:
    with Stewarded(tmp_path, runner=str(sleeping.pid)) as it:
        it.give("says hello", steps=[signalled("INT", Target.RUNNER)])
        it.fire()
        fired = it.told("fired")
        assert (fired["what"], fired["error"]) == ("INT to runner", None)
        assert sleeping.wait(20) == -2


@pytest.mark.parametrize("to", [Target.RUNNER, Target.SERVER])
def test_a_signal_to_nobody_is_told_as_one(it: Stewarded, to: Target) -> None:
    it.give("says hello", steps=[signalled("TERM", to)])
    it.fire()
    fired = it.told("fired")
    assert (fired["what"], fired["error"]) == (f"TERM to {to.value}", os.strerror(95))


def test_a_signal_to_one_that_has_gone_is_told_with_the_kernel_s_words(
    it: Stewarded, sleeping: subprocess.Popen[bytes]
) -> None:
    sleeping.kill()
    sleeping.wait()
    it.give("says hello", steps=[signalled("TERM", Target.PROCESS, Sender.ROOT)])
    it.fire(sleeping.pid)
    assert it.told("fired")["error"] == os.strerror(3)


@pytest.mark.parametrize(
    "step",
    [
        Step(Action.TYPE, keys="\x03"),
        Step(Action.SEND, keys="x"),
        Step(Action.CLOSE, channel=Channel.OUTPUT),
    ],
    ids=lambda step: step.action.value,
)
def test_what_only_the_lab_s_own_runner_does_is_refused(it: Stewarded, step: Step) -> None:
    it.give("says hello", steps=[step])
    it.fire()
    assert it.told("fired")["error"] == os.strerror(95)


# The queue


def test_further_jobs_are_put_behind_the_first_and_asked_for(it: Stewarded) -> None:
    it.give("says hello", queued=2)
    it.told("started")
    it.order(queue=True)
    queue = it.told("queue")
    assert [(each["started_ns"], each["listed"]) for each in queue] == [(None, True)] * 2


def test_what_is_started_again_gets_one_more_job_where_others_wait(it: Stewarded) -> None:
    it.give("says hello", steps=[START], queued=1)
    it.fire()
    fired = it.told("fired")
    assert (fired["what"], fired["error"]) == ("start the runner again", None)
    it.order(queue=True)
    assert len(it.told("queue")) == 2
    assert it.output.endswith(b"started again\n")


def test_what_is_started_again_gets_no_job_where_none_waits(it: Stewarded) -> None:
    it.give("says hello", steps=[START])
    it.fire()
    it.told("fired")
    it.order(queue=True)
    assert it.told("queue") == []


# Between two jobs


def test_all_that_a_job_left_is_gone_for_the_next_but_for_the_lab_s_own(it: Stewarded) -> None:
    (it.home / "kept").mkdir()
    path = Path(it.give("leaves some/folder"))
    it.told("started")
    (it.home / "link").symlink_to("/etc/passwd")
    assert it.clear()
    assert [each.name for each in it.home.iterdir()] == ["kept"]
    assert not path.exists()
    assert Path("/etc/passwd").exists()


def test_a_runner_that_takes_no_further_job_is_told_as_one(it: Stewarded) -> None:
    it.give("idle never")
    it.told("started")
    assert it.clear() is False


def test_so_is_one_that_does_not_answer(it: Stewarded) -> None:
    it.give("idle fails")
    it.told("started")
    assert it.clear() is False


def test_what_a_runner_says_between_two_jobs_is_no_report(it: Stewarded) -> None:
    it.give("says hello", steps=[CANCEL])
    it.told("started")
    it.clear()
    it.fire()
    assert it.counts()[0] == 6
    assert it.heard("report") == []

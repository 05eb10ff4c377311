"""A real Buildbot, master and worker, does with builds what the adapter says of it."""

from __future__ import annotations

import os
import signal
import socket
import sys
import time
from pathlib import Path

import pytest

from aftercancel.errors import RunnerError
from aftercancel.model import End, Said
from aftercancel.runners import finding
from aftercancel.runners.buildbot import KIND
from aftercancel.runners.ground import free_port
from aftercancel.runners.protocol import Found
from tests.driving import Driven, alive, end_by_pid

WAITS = 'echo $$ > pid; echo ready >> "$MARKS"; exec sleep 60\n'
IGNORES = "trap '' TERM\n" + WAITS
RETRY = "results=5 (retry)"


def _found() -> Found:
    search = finding.find(KIND)
    if not search.found:
        pytest.skip(search.problems[0] if search.problems else "no Buildbot is here")
    return search.found[-1]


def _started(driven: Driven, script: str = WAITS) -> int:
    """Submit a job that waits, and return its process id."""
    driven.submit(script)
    driven.until_marked("ready")
    return int((driven.home / "pid").read_text())


def _stopped(driven: Driven) -> tuple[Said, End | None]:
    driven.adapter.ask("stop")
    said, words, end = driven.until_reported()
    assert words.startswith("results=6 (cancelled) state_string=")
    return said, end


def a_job_that_ends_well_has_its_folder_and_its_variables(driven: Driven) -> None:
    driven.submit('echo "$PWD|$ONE"', env={"ONE": "a 'b\" <&> $c é"})
    said, words, end = driven.until_reported()
    assert (said, end) == (Said.SUCCESS, End(status=0))
    assert words == "results=0 (success) state_string=build successful"
    assert f"\n{driven.home}|a 'b\" <&> $c é\n".encode() in driven.told.log


def after_a_job_that_ends_badly_another_step_runs(driven: Driven) -> None:
    driven.submit("exit 3", after='echo after >> "$MARKS"')
    said, _, end = driven.until_reported()
    assert (said, end, driven.marked()) == (Said.FAILED, End(status=3), ["after"])


def stop_kills_and_another_step_runs(driven: Driven) -> None:
    driven.submit(WAITS, after='echo after >> "$MARKS"')
    driven.until_marked("ready")
    assert _stopped(driven) == (Said.CANCELLED, End(signal="KILL"))
    assert driven.marked() == ["ready", "after"]
    assert b"command interrupted, attempting to kill" in driven.told.log


def a_job_that_says_nothing_for_too_long_is_ended(driven: Driven) -> None:
    _limited(driven, "timeout")


def a_job_that_takes_too_long_is_ended(driven: Driven) -> None:
    _limited(driven, "max-time")


def _limited(driven: Driven, way: str) -> None:
    driven.submit(WAITS, ways=(way,), limit_s=0.5)
    driven.adapter.ask(way)
    said, words, _ = driven.until_reported()
    assert (said, words.endswith("(timed out)")) == (Said.FAILED, True)


def further_builds_wait_and_start_in_their_order(driven: Driven) -> None:
    _started(driven)
    driven.adapter.further(2)
    assert [(f.started_ns, f.listed) for f in driven.adapter.queue()] == [(None, True)] * 2
    assert not driven.adapter.idle(0)
    _stopped(driven)
    assert driven.adapter.idle(10)
    first, second = (f.started_ns or 0 for f in driven.adapter.queue())
    assert driven.told.at_ns[0] - 10**9 < first < second < time.monotonic_ns()


def a_way_that_it_has_not_is_refused(driven: Driven) -> None:
    with pytest.raises(RunnerError, match="no 'abort'; it has stop"):
        driven.adapter.ask("abort")


def a_build_that_lost_its_worker_is_reported_and_built_again(driven: Driven) -> None:
    _lost(driven, "runner")


def a_build_that_lost_its_master_is_reported_and_built_again(driven: Driven) -> None:
    _lost(driven, "server")


def _lost(driven: Driven, who: str) -> None:
    adapter = driven.adapter
    pids = [_started(driven)]
    adapter.further(1)
    try:
        os.kill(getattr(adapter, who), signal.SIGKILL)
        adapter.start_again()
        said, words, _ = driven.until_reported()
        assert (said, words.startswith(RETRY)) == (Said.FAILED, True)
        driven.until(lambda: driven.marked() == ["ready", "ready"], "the second build")
        pids.append(int((driven.home / "pid").read_text()))
        assert [f.listed for f in adapter.queue()] == [True]
    finally:
        for pid in pids:
            end_by_pid(pid)
    assert adapter.idle(10)
    assert len(driven.told.reports) == 1


def test_a_buildbot_does_what_the_adapter_says(tmp_path: Path, subtests: pytest.Subtests) -> None:
    with Driven(KIND, _found(), tmp_path) as driven:
        modules = set(sys.modules)
        for behaviour in (
            a_job_that_ends_well_has_its_folder_and_its_variables,
            after_a_job_that_ends_badly_another_step_runs,
            stop_kills_and_another_step_runs,
            a_job_that_says_nothing_for_too_long_is_ended,
            a_job_that_takes_too_long_is_ended,
            further_builds_wait_and_start_in_their_order,
            a_way_that_it_has_not_is_refused,
            a_build_that_lost_its_worker_is_reported_and_built_again,
            a_build_that_lost_its_master_is_reported_and_built_again,
        ):
            with subtests.test(behaviour.__name__):
                behaviour(driven)
                assert driven.adapter.idle(10)
        with subtests.test("nothing is imported after the start"):
            assert set(sys.modules) <= modules
        both = [pid for pid in (driven.adapter.runner, driven.adapter.server) if pid is not None]
    assert len(both) == 2 and not any(alive(pid) for pid in both)


def test_the_signal_of_an_interruption_is_an_option(tmp_path: Path) -> None:
    with Driven(KIND, _found(), tmp_path, interruptSignal="TERM") as driven:
        pid = _started(driven)
        assert _stopped(driven) == (Said.CANCELLED, End(signal="TERM"))
        assert not alive(pid)


def test_with_sigterm_time_and_a_terminal_term_comes_first_and_kill_when_it_is_over(
    tmp_path: Path,
) -> None:
    handles = f"tty\ntrap 'echo TERM >> \"$MARKS\"' TERM\n{WAITS.replace('exec ', '')}"
    with Driven(KIND, _found(), tmp_path, sigtermTime="0.5", usePTY="true") as driven:
        _started(driven, handles)
        assert _stopped(driven)[0] is Said.CANCELLED
        assert driven.marked() == ["ready", "TERM"]
        assert b"\n/dev/pts/" in driven.told.log
        assert driven.adapter.idle(5)
        pid = _started(driven, IGNORES)
        assert _stopped(driven) == (Said.CANCELLED, End(signal="KILL"))
        assert not alive(pid)


def test_a_port_that_is_taken_is_named(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        driven = Driven(KIND, _found(), tmp_path, port=port, worker_port=str(free_port()))
        with pytest.raises(RunnerError, match=rf"port {port} .*Address already in use"), driven:
            pass

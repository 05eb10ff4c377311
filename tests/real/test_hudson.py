"""A real Hudson 3.3.2 does with builds what the adapter says of it.

Its start takes seconds, so that few tests have many steps; each step is named.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
import time
from pathlib import Path

import pytest

from aftercancel.errors import RunnerError
from aftercancel.model import Said
from aftercancel.runners import finding
from aftercancel.runners.jenkins import HUDSON
from aftercancel.runners.protocol import Found
from tests.driving import Driven, alive, end_by_pid

ARMED = 'echo $$ > pid; echo ready >> "$MARKS"; exec sleep 60\n'
ABORTED = (Said.CANCELLED, "result=ABORTED building=false", None)


def _found() -> Found:
    search = finding.find(HUDSON)
    if not search.found:
        pytest.skip(search.problems[0] if search.problems else "no Hudson is here")
    return search.found[-1]


def _started(driven: Driven, script: str = ARMED) -> int:
    """Submit a job that waits, and return its process id."""
    driven.submit(script)
    driven.until_marked("ready")
    return int((driven.home / "pid").read_text())


def a_job_that_ends_well(driven: Driven) -> None:
    driven.submit("exit 0")
    assert driven.until_reported() == (Said.SUCCESS, "result=SUCCESS building=false", None)


def a_job_that_ends_badly(driven: Driven) -> None:
    driven.submit("exit 3")
    assert driven.until_reported() == (Said.FAILED, "result=FAILURE building=false", None)


def a_text_has_its_folder_its_variables_and_its_interpreter(driven: Driven) -> None:
    driven.submit('echo "$PWD|$ONE|${BASH_VERSION:+bash}"', env={"ONE": "a 'b\" <&> $c é"})
    driven.until_reported()
    assert f"\n{driven.home}|a 'b\" <&> $c é|bash\n".encode() in driven.told.log
    assert driven.told.log.endswith(b"Finished: SUCCESS\n")


def what_is_not_a_shells_is_interpreted_by_its_own(driven: Driven) -> None:
    interpreter = ("/usr/bin/python3", "-u")
    driven.submit("import os\nprint(os.getcwd() + '|python')\n", shell=interpreter)
    driven.until_reported()
    assert f"{driven.home}|python".encode() in driven.told.log


def a_job_behind_a_launcher_is_a_command_line(driven: Driven) -> None:
    driven.submit('echo "$0"', whole=False)
    driven.until_reported()
    assert f"\n{driven.jobs}/job.sh\n".encode() in driven.told.log


def abort_ends_the_job_and_the_log_is_there_before_the_report(driven: Driven) -> None:
    pid = _started(driven)
    driven.adapter.ask("abort")
    assert driven.until_reported() == ABORTED
    assert b"Finished: ABORTED" in driven.told.log
    driven.until(lambda: not alive(pid), f"the end of process {pid}")


def further_builds_wait_and_start_in_their_order(driven: Driven) -> None:
    _started(driven)
    driven.adapter.further(2)
    assert [(f.started_ns, f.listed) for f in driven.adapter.queue()] == [(None, True)] * 2
    assert not driven.adapter.idle(0)
    driven.adapter.ask("abort")
    driven.until_reported()
    assert driven.adapter.idle(10)
    first, second = (f.started_ns or 0 for f in driven.adapter.queue())
    assert driven.told.at_ns[0] - 10**9 < first < second < time.monotonic_ns()


def a_way_that_it_has_not_is_refused(driven: Driven) -> None:
    with pytest.raises(RunnerError, match="no 'stop'; it has abort"):
        driven.adapter.ask("stop")


def who_was_killed_is_started_again_with_its_jobs(driven: Driven) -> None:
    pid, before = _started(driven), driven.adapter.runner
    assert before is not None
    try:
        os.kill(before, signal.SIGKILL)
        driven.adapter.start_again()
        assert driven.adapter.runner == driven.adapter.server != before
        # It finds a build without a result, and takes it for a failed one.
        assert driven.until_reported()[0] is Said.FAILED
        assert driven.adapter.idle(10)
        a_job_that_ends_well(driven)
    finally:
        end_by_pid(pid)


def test_a_hudson_does_what_the_adapter_says(tmp_path: Path, subtests: pytest.Subtests) -> None:
    with Driven(HUDSON, _found(), tmp_path) as driven:
        modules = set(sys.modules)
        for behaviour in (
            a_job_that_ends_well,
            a_job_that_ends_badly,
            a_text_has_its_folder_its_variables_and_its_interpreter,
            what_is_not_a_shells_is_interpreted_by_its_own,
            a_job_behind_a_launcher_is_a_command_line,
            abort_ends_the_job_and_the_log_is_there_before_the_report,
            further_builds_wait_and_start_in_their_order,
            a_way_that_it_has_not_is_refused,
            who_was_killed_is_started_again_with_its_jobs,
        ):
            with subtests.test(behaviour.__name__):
                behaviour(driven)
                assert driven.adapter.idle(10)
        with subtests.test("nothing is imported after the start"):
            assert set(sys.modules) <= modules
        hudson = driven.adapter.runner
        assert hudson is not None
    assert not alive(hudson)


def test_a_port_that_is_taken_is_named(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        driven = Driven(HUDSON, _found(), tmp_path, port=str(port))
        with pytest.raises(RunnerError, match=f"port {port} .*Address already in use"), driven:
            pass

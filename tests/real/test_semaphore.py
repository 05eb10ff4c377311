"""A real Semaphore does with tasks what the adapter, and the fake, say of it.

Each task waits for the server's next look at its queue, every 5 s; so there are few tests.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from aftercancel.model import End, Said
from aftercancel.runners import finding
from aftercancel.runners.protocol import Found
from aftercancel.runners.semaphore import KIND
from tests.driving import Driven, alive, end_by_pid

# The first process writes its number and its child's, and a handler would say that it ran.
WITH_CHILD = (
    "#!/bin/bash\n"
    "trap 'echo handled >> \"$MARKS\"' TERM EXIT\n"
    "sleep 60 &\n"
    'echo "$$" >> "$MARKS"; echo "$!" >> "$MARKS"\n'
    "wait\n"
)


def _found() -> Found:
    named = os.environ.get("AFTERCANCEL_SEMAPHORE")
    search = finding.find(KIND, [Path(named)] if named else ())
    if not search.found:
        pytest.skip(search.problems[0] if search.problems else "no Semaphore is here")
    return search.found[-1]


@pytest.fixture
def driven(tmp_path: Path) -> Iterator[Driven]:
    with Driven(KIND, _found(), tmp_path) as one:
        yield one


def _armed(driven: Driven) -> tuple[int, int]:
    """The numbers of the first process and its child."""
    driven.submit(WITH_CHILD)
    driven.until(lambda: len(driven.marked()) == 2, "both numbers")
    shell, child = map(int, driven.marked())
    return shell, child


def _is_2_10() -> bool:
    return _found().version.startswith("2.10.")


def test_a_job_runs_as_its_own_file_in_its_folder_with_its_variables_and_no_others(
    driven: Driven,
) -> None:
    # 2.10.32 loses what is in the pipe when the first process ends, so that waits a little.
    script = 'echo "$PWD|$0|$ONE|$HOME"; /usr/bin/env; /bin/sleep 0.5'
    driven.submit(script, env={"ONE": "a 'b\" $c"})
    assert driven.until_reported() == (Said.SUCCESS, "status=success", None)
    path, home = driven.jobs / "job.sh", driven.folder / "tasks"
    assert f"{driven.home}|{path}|a 'b\" $c|{home}".encode() in driven.told.log
    assert not _is_2_10() or b"\nPATH=" not in driven.told.log


@pytest.mark.parametrize("way", ["stop", "force-stop"])
def test_a_stop_kills_the_first_process_and_leaves_its_child(driven: Driven, way: str) -> None:
    if not _is_2_10():
        pytest.skip("later versions signal the group (semaphore#4228)")
    shell, child = _armed(driven)
    driven.adapter.ask(way)
    said, words, _ = driven.until_reported()
    if way == "stop":
        # TaskRunner.go, run: a process that was killed is an error like any other.
        assert (said, words.split(";")[0]) == (Said.FAILED, "status=error")
        assert driven.told.reports[0][2] == End(signal="KILL")
    else:
        assert (said, words.split(";")[0]) == (Said.CANCELLED, "status=stopped")
    driven.until(lambda: not alive(shell), "the end of the first process")
    assert alive(child)
    assert "handled" not in driven.marked()
    assert driven.adapter.idle(5)
    end_by_pid(child)


def test_a_killed_server_leaves_its_task_and_takes_another_after_a_new_start(
    driven: Driven,
) -> None:
    shell, child = _armed(driven)
    driven.adapter.further(1)
    assert driven.adapter.runner is not None
    os.kill(driven.adapter.runner, signal.SIGKILL)
    driven.adapter.start_again()
    assert alive(shell) and alive(child)
    if _is_2_10():
        (further,) = driven.adapter.queue()
        assert further.listed and further.started_ns is None
        assert driven.adapter.idle(5)
    driven.adapter.submit(driven.work("exit 0"))
    for pid in (shell, child):
        end_by_pid(pid)

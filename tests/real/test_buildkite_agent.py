"""The real Buildkite agent, driven by its adapter with the fake Buildkite, without a sandbox."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from aftercancel.errors import RunnerError
from aftercancel.model import End, Said
from aftercancel.runners.buildkite_agent import KIND, BuildkiteAgent
from aftercancel.runners.finding import find
from aftercancel.runners.protocol import Found
from tests.driving import Driven, alive

SEARCH = find(KIND)
VERSIONS = [pytest.param(found, id=found.version) for found in SEARCH.found] or [
    pytest.param(
        None, marks=pytest.mark.skip(reason=f"buildkite-agent was not found. {KIND.get}"), id="none"
    )
]
DASH: dict[str, object] = {"shell": ("/bin/dash",)}
TRAPS = """\
trap 'echo TERM >> "$MARKS"; exit 143' TERM
trap 'echo EXIT >> "$MARKS"' EXIT
echo ready >> "$MARKS"
sleep 60 &
wait
"""
IGNORES = "trap '' TERM\necho ready >> \"$MARKS\"\nsleep 60\nsleep 60\n"
GRACES = {"cancel-grace-period": "2", "signal-grace-period-seconds": "1"}

Start = Callable[..., Driven]


@pytest.fixture(params=VERSIONS)
def found(request: pytest.FixtureRequest) -> Found:
    """Every version that is here."""
    assert isinstance(request.param, Found)
    return request.param


@pytest.fixture
def start(found: Found, tmp_path: Path) -> Start:
    return lambda **options: Driven(KIND, found, tmp_path, **options)


def adapter(driven: Driven) -> BuildkiteAgent:
    assert isinstance(driven.adapter, BuildkiteAgent)
    return driven.adapter


def runner(driven: Driven) -> int:
    assert driven.adapter.runner is not None
    return driven.adapter.runner


@pytest.mark.parametrize(("pty", "terminal"), [("on", "yes"), ("off", "no")])
def test_jobs_come_one_after_another_and_success_and_failure_are_told_apart(
    start: Start, pty: str, terminal: str
) -> None:
    script = """\
echo "hello $0"
echo "$PWD" >> "$MARKS"
echo "$WORDS" >> "$MARKS"
[ -t 1 ] && echo yes >> "$MARKS" || echo no >> "$MARKS"
"""
    with start(pty=pty) as driven:
        driven.submit(script, env={"WORDS": "a 'b' $c"}, **DASH)
        assert driven.until_reported() == (Said.SUCCESS, "exit_status=0", End(status=0))
        assert b"hello " in driven.told.log
        assert driven.marked() == [str(driven.home), "a 'b' $c", terminal]
        assert driven.adapter.idle(5.0)
        driven.submit("exit 3", **DASH)
        assert driven.until_reported() == (Said.FAILED, "exit_status=3", End(status=3))
        assert adapter(driven)._buildkite.refused == []


def test_cancel_gives_the_job_its_traps(start: Start) -> None:
    with start() as driven:
        driven.submit(TRAPS, **DASH)
        driven.until_marked("ready")
        driven.adapter.ask("cancel")
        said, words, _ = driven.until_reported()
        assert said is Said.CANCELLED
        assert "signal_reason=cancel" in words
        assert driven.marked() == ["ready", "TERM", "EXIT"]
        assert driven.adapter.idle(5.0)
        with pytest.raises(RunnerError, match="cannot be cancelled any more: it is canceled"):
            driven.adapter.ask("cancel")


def test_a_job_that_ignores_it_is_killed_after_the_grace(start: Start) -> None:
    with start(**GRACES) as driven:
        driven.submit(IGNORES, **DASH)
        driven.until_marked("ready")
        driven.adapter.ask("cancel")
        said, words, end = driven.until_reported()
        assert (said, end) == (Said.CANCELLED, End(signal="KILL"))
        assert "signal=SIGKILL" in words


def test_further_jobs_wait_and_start_when_the_first_is_over(start: Start) -> None:
    with start() as driven:
        driven.submit(TRAPS, **DASH)
        driven.until_marked("ready")
        driven.adapter.further(2)
        assert [each.started_ns for each in driven.adapter.queue()] == [None, None]
        driven.adapter.ask("cancel")
        driven.until_reported()
        driven.until(lambda: all(f.started_ns for f in driven.adapter.queue()), "the further jobs")
        assert driven.adapter.idle(10.0)
        assert len(driven.told.reports) == 1


def test_an_agent_that_was_killed_says_nothing_and_another_takes_what_waits(start: Start) -> None:
    with start() as driven:
        driven.submit(TRAPS, **DASH)
        driven.until_marked("ready")
        driven.adapter.further(1)
        killed = runner(driven)
        os.kill(killed, signal.SIGKILL)
        driven.until(lambda: not alive(killed), "the agent's end")
        assert not driven.adapter.idle(0.1)
        driven.adapter.start_again()
        driven.until(lambda: driven.adapter.queue()[0].started_ns is not None, "the further job")
        assert driven.told.reports == []
        assert driven.adapter.idle(10.0)


def test_an_agent_that_is_told_to_quit_cancels_its_job(start: Start) -> None:
    with start() as driven:
        driven.submit(TRAPS, **DASH)
        driven.until_marked("ready")
        os.kill(runner(driven), signal.SIGQUIT)
        said, words, _ = driven.until_reported()
        assert said is Said.FAILED
        assert "signal_reason=agent_stop" in words
        assert "TERM" in driven.marked()


def test_stop_leaves_nothing_even_of_a_job_that_ignores_signals(start: Start) -> None:
    with start(**GRACES) as driven:
        driven.submit("echo $$ >> \"$MARKS\"\ntrap '' TERM HUP INT\n" + IGNORES, **DASH)
        driven.until_marked("ready")
        job, agent = int(driven.marked()[0]), runner(driven)
    assert not alive(job)
    assert not alive(agent)

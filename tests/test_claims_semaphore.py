"""The claims on Semaphore and on queues, each over cells that are told by hand: what is yes, no, or not told.

An observation of such a runner is judged as soon as there is one: here are some, made by hand.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from aftercancel.judge.claims import Holds
from aftercancel.model import (
    Declared,
    End,
    Fired,
    Observation,
    Process,
    Queued,
    Report,
    Said,
    Signal,
)
from tests.judging_claims import answer, at
from tests.observing import RUNNER, child, job, process, sent, survivor, to_group

YES, NO, UNTOLD = Holds.YES, Holds.NO, Holds.UNTOLD
LIVES: dict[str, Any] = {"ended": None, "signal": None, "doomed_ms": None}
EXIT = Declared(("EXIT begin", "EXIT end"), "EXIT")

# S1 to S3: queues

WAITS, STARTS = Queued(-5.0, None), Queued(-5.0, 400.0)


def killed(*queued: Queued, of: str = "KILL", **more: Any) -> Observation:
    where = "background-holds-output/bash/none/semaphore@2.10.32/KILL-process"
    return at(where, job(of=of), survivor(), **{"queued": queued, "report": None, **more})


FAILED = Report(5.0, Said.FAILED, End(signal="KILL"))


def test_a_killed_task_that_stays_running_before_a_blocked_one_is_stuck() -> None:
    assert answer("S1", killed(WAITS)) is YES


def test_a_killed_task_that_is_reported_or_lets_the_next_start_is_not_stuck() -> None:
    assert answer("S1", killed(STARTS)) is NO
    assert answer("S1", killed(STARTS, report=FAILED)) is NO
    assert answer("S1", killed(WAITS, report=FAILED)) is NO


@pytest.mark.parametrize(
    "observation",
    [killed(), killed(WAITS, of="TERM"), killed(WAITS, runner_end=End(signal="KILL"))],
    ids=["no queue", "nobody killed", "the runner is dead"],
)
def test_without_a_queue_a_victim_and_a_runner_nothing_can_be_stuck(observation: Any) -> None:
    assert answer("S1", observation) is UNTOLD


def restarted(*queued: Queued, one: Process | None = None, **more: Any) -> Observation:
    where = "no-trap/bash/none/semaphore@2.10.32/server-TERM"
    steps = (Fired(0.0, "TERM to the server"), Fired(90.0, "the server is started"))
    kind = {"queued": queued, "fired": steps, "report": None, **more}
    return at(where, one or job(**LIVES), **kind)


LOST = Queued(-5.0, None, listed=False)


def test_waiting_jobs_of_which_nobody_knows_any_more_are_lost() -> None:
    assert answer("S2", restarted(LOST, LOST)) is YES


@pytest.mark.parametrize("kept", [WAITS, STARTS], ids=["still waits", "started"])
def test_waiting_jobs_of_which_one_is_kept_are_not_all_lost(kept: Queued) -> None:
    assert answer("S2", restarted(kept, LOST)) is NO


def test_where_nobody_waited_nobody_was_lost() -> None:
    assert answer("S2", restarted()) is UNTOLD
    assert answer("S2", restarted(Queued(200.0, None, listed=False))) is UNTOLD
    assert answer("S2", restarted(Queued(-50.0, -5.0, listed=False))) is UNTOLD


def test_a_job_that_starts_beside_one_that_was_left_as_running_is_not_held_up() -> None:
    assert answer("S3", restarted(Queued(200.0, 300.0))) is YES
    assert answer("S3", restarted(STARTS)) is YES


def test_a_job_that_does_not_start_is_held_up() -> None:
    assert answer("S3", restarted(Queued(200.0, None), decided_ms=9_000.0)) is NO


def test_a_job_that_was_not_watched_for_long_may_still_start() -> None:
    assert answer("S3", restarted(Queued(8_000.0, None), decided_ms=9_000.0)) is UNTOLD


def test_without_a_job_that_is_left_as_running_nothing_can_be_held_up() -> None:
    said = Report(150.0, Said.FAILED, End())
    assert answer("S3", restarted(Queued(200.0, 300.0), report=said)) is UNTOLD
    assert answer("S3", restarted(Queued(200.0, 300.0), one=job(dies_at=-5.0))) is UNTOLD
    assert answer("S3", restarted(LOST)) is UNTOLD


# S4


def stops(*, stuck: bool = True, freed: bool = True, status: str = "400") -> list[Observation]:
    where = "background-holds-output/bash/none/semaphore@2.10.32"
    said = Report(5.0, Said.CANCELLED, End(signal="KILL"))
    refused = (Fired(0.0, "stop", f"HTTP {status}" if status else None),)
    return [
        at(f"{where}/stop", job(), survivor(), report=None if stuck else said),
        at(f"{where}/force-stop", job(), survivor(), report=said if freed else None),
        at(f"{where}/stop-empty-body", job(), survivor(), report=None, fired=refused),
    ]


def test_force_that_frees_what_an_ordinary_stop_does_not_is_as_was_said() -> None:
    assert answer("S4", *stops()) is YES


def test_force_that_frees_nothing_or_an_empty_body_that_is_taken_is_not() -> None:
    assert answer("S4", *stops(freed=False)) is NO
    assert answer("S4", *stops(status="500")) is NO
    assert answer("S4", *stops(status="")) is NO


def test_force_that_ends_a_task_and_leaves_the_next_blocked_frees_nothing() -> None:
    stop, force, empty = stops()
    assert answer("S4", stop, replace(force, queued=(WAITS,)), empty) is NO


def test_a_task_that_an_ordinary_stop_ends_was_not_stuck() -> None:
    assert answer("S4", *stops(stuck=False)) is UNTOLD


# S5


def stopped(*told: Signal, members: Sequence[Process] = (), **more: Any) -> Observation:
    where = "deep-tree/bash/none/semaphore@2.18.0/stop"
    processes = members or (job(), child())
    return at(where, *processes, signals=told, **more)


def to_all(signal: str, *processes: Process, at_ms: float = 0.1) -> list[Signal]:
    return [to_group(sent(signal, RUNNER, p, at=at_ms)) for p in processes]


def test_term_to_the_whole_group_is_as_was_said() -> None:
    assert answer("S5", stopped(*to_all("TERM", job(), child()))) is YES


def test_term_to_the_top_process_alone_is_not() -> None:
    assert answer("S5", stopped(*to_all("TERM", job()))) is NO


@pytest.mark.parametrize(("after", "holds"), [(15_100.0, YES), (900.0, NO)])
def test_what_lives_on_is_killed_fifteen_seconds_later(after: float, holds: Holds) -> None:
    lasting = child(ended=after + 1, signal="KILL", doomed_ms=after)
    told = to_all("TERM", job(), lasting) + to_all("KILL", lasting, at_ms=after)
    watched = stopped(*told, members=(job(), lasting), decided_ms=20_000.0)
    assert answer("S5", watched) is holds


@pytest.mark.parametrize(("watched", "holds"), [(700.0, UNTOLD), (20_000.0, NO)])
def test_what_is_not_killed_must_be_watched_long_enough(watched: float, holds: Holds) -> None:
    members = (job(), survivor())
    told = to_all("TERM", *members)
    assert answer("S5", stopped(*told, members=members, decided_ms=watched)) is holds


def test_a_group_that_is_not_known_cannot_be_asked_about() -> None:
    members = tuple(replace(p, group=None) for p in (job(), child()))
    assert answer("S5", stopped(*to_all("TERM", *members), members=members)) is UNTOLD


def test_a_stop_with_nobody_beside_the_top_process_says_nothing_of_the_group() -> None:
    assert answer("S5", stopped(*to_all("TERM", job()), members=(job(),))) is UNTOLD


def test_who_left_the_group_is_not_meant() -> None:
    aside = survivor("aside", key=4, group=9)
    members = (job(), child(), aside)
    assert answer("S5", stopped(*to_all("TERM", job(), child()), members=members)) is YES


def at_the_end(*told: Signal, left: Process) -> Observation:
    where = "background-silent/bash/none/semaphore@2.18.0/end"
    over = job(dies_at=0.0, signal=None, status=0, doomed_ms=None)
    return at(where, over, left, signals=told, fired=(), report=Report(3.0, Said.SUCCESS, End(0)))


def test_what_a_normal_end_leaves_in_the_group_is_signalled_too() -> None:
    left = process("background", key=2, ended=4.0, signal="TERM")
    assert answer("S5", at_the_end(*to_all("TERM", left, at_ms=2.0), left=left)) is YES


def test_what_a_normal_end_leaves_alone_is_not_signalled() -> None:
    assert answer("S5", at_the_end(left=survivor("background"))) is NO


def test_a_normal_end_that_leaves_nothing_says_nothing() -> None:
    gone = process("background", key=2, ended=-4.0, status=0)
    assert answer("S5", at_the_end(left=gone)) is UNTOLD

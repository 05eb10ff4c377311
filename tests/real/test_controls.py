"""For every detector a job that it must catch: a lab that cannot fail proves nothing."""

from __future__ import annotations

import pytest

from aftercancel.judge import judged
from aftercancel.model import CleanUp, End, Job, Processes, ShellKind, Truth
from aftercancel.places.this_machine import ThisMachine
from tests.real.vocabulary import (
    KILL_PROCESS,
    PLAIN_EOF,
    PYTHON,
    TERM_GROUP,
    TERM_PROCESS,
    cell,
    job,
    marks,
    observe,
    received,
    the,
)

HANDLER = "trap 'mark TERM begin; /bin/sleep 0.2; mark TERM end; exit 1' TERM\n"
TERM_MARKS = ("ready", "TERM begin", "TERM end")


def test_an_orphan_in_another_session_is_found_and_named(place: ThisMachine) -> None:
    script = "ROLE=stray setsid /bin/sleep 600 &\nmark ready\nROLE=child /bin/sleep 600"
    seen = observe(place, cell(script, roles=("stray", "child")))
    outcome = judged(seen)
    assert outcome.processes is Processes.ORPHANED
    assert outcome.roles == ("stray",)
    assert the(seen, "stray").session == the(seen, "stray").pid
    assert outcome.report is Truth.EARLY


def test_an_orphan_that_left_the_tree_and_closed_everything_is_found(place: ThisMachine) -> None:
    script = (
        "( ROLE=stray setsid /bin/sleep 600 </dev/null >/dev/null 2>&1 & )\n"
        "mark ready\nROLE=child /bin/sleep 600"
    )
    seen = observe(place, cell(script, roles=("stray", "child")))
    assert judged(seen).roles == ("stray",)
    assert received(seen, "stray") == []


def test_a_handler_that_is_never_reached_is_missed(place: ThisMachine) -> None:
    seen = observe(
        place,
        cell(
            HANDLER + "mark ready\nROLE=child /bin/sleep 600",
            KILL_PROCESS,
            roles=("child",),
            marks=TERM_MARKS,
            cleanup="TERM",
        ),
    )
    assert judged(seen).cleanup is CleanUp.SKIPPED


def test_a_handler_cut_off_in_the_middle_is_seen(place: ThisMachine) -> None:
    script = (
        "trap 'mark TERM begin; kill -9 $$; mark TERM end' TERM\n"
        "mark ready\nROLE=child /bin/sleep 600 & wait"
    )
    seen = observe(place, cell(script, roles=("child",), marks=TERM_MARKS, cleanup="TERM"))
    assert judged(seen).cleanup is CleanUp.CUT_OFF


def test_a_job_that_never_ends_is_hung(place: ThisMachine) -> None:
    script = "trap '' TERM\nmark ready\nROLE=child /bin/sleep 600"
    seen = observe(place, cell(script, roles=("child",)))
    outcome = judged(seen)
    assert outcome.report is Truth.HUNG
    assert outcome.roles == ("job", "child")


def test_a_mark_that_lies_is_found_out_by_the_lock_that_is_still_there(place: ThisMachine) -> None:
    script = (
        ": > /tmp/app.lock\ntrap 'mark TERM begin; mark TERM end; exit 1' TERM\n"
        "mark ready\nROLE=child /bin/sleep 600 & wait"
    )
    liar = job(
        script, roles=("child",), marks=TERM_MARKS, cleanup="TERM", removes=("/tmp/app.lock",)
    )
    seen = observe(place, cell(liar))
    assert marks(seen) == ["ready", "TERM begin", "TERM end"]
    assert judged(seen).cleanup is CleanUp.CUT_OFF


LATE_WRITER = (
    'ROLE=writer /bin/sh -c \'trap "/bin/sleep 0.3; echo late; exit" TERM;'
    " /bin/sleep 600 & wait' &\n"
    "echo early\nmark ready\nROLE=child /bin/sleep 600"
)


def test_output_that_comes_after_the_report_is_counted_as_lost(place: ThisMachine) -> None:
    seen = observe(place, cell(LATE_WRITER, roles=("writer", "child")))
    assert seen.stdout.text == "early\nlate\n"
    assert (seen.stdout.bytes, seen.stdout.lost_bytes) == (6, 5)


def test_the_same_output_is_not_lost_to_a_runner_that_waits_for_it(place: ThisMachine) -> None:
    seen = observe(place, cell(LATE_WRITER, runner=PLAIN_EOF, roles=("writer", "child")))
    assert (seen.stdout.bytes, seen.stdout.lost_bytes) == (11, 0)


def test_a_clean_up_that_sleeps_for_long_is_waited_for(place: ThisMachine) -> None:
    script = (
        "trap 'mark TERM begin; /bin/sleep 3; mark TERM end; exit 1' TERM\n"
        "mark ready\nROLE=child /bin/sleep 600 & wait"
    )
    seen = observe(place, cell(script, roles=("child",), marks=TERM_MARKS, cleanup="TERM"))
    assert judged(seen).cleanup is CleanUp.RAN
    assert judged(seen).report is Truth.TRUTHFUL


def test_a_python_clean_up_that_sleeps_until_a_moment_is_waited_for(place: ThisMachine) -> None:
    script = """
import os, signal, sys, time
marks = os.open(os.environ["MARKS"], os.O_WRONLY | os.O_APPEND)
def clean_up(*_):
    os.write(marks, b"TERM begin\\n")
    time.sleep(2)
    os.write(marks, b"TERM end\\n")
    sys.exit(1)
signal.signal(signal.SIGTERM, clean_up)
os.write(marks, b"ready\\n")
time.sleep(600)
"""
    sleeper = Job(
        "sleeper", "", ShellKind.PYTHON, script, "sleeper.py", marks=TERM_MARKS, cleanup="TERM"
    )
    seen = observe(place, cell(sleeper, TERM_PROCESS, shell=PYTHON))
    assert judged(seen).cleanup is CleanUp.RAN


def test_a_zombie_that_nobody_reaps_is_gone(place: ThisMachine) -> None:
    script = (
        "ROLE=parent setsid /usr/bin/python3 -c 'import os, time\n"
        "if os.fork() == 0: os._exit(0)\ntime.sleep(600)' &\n"
        "mark ready\nROLE=child /bin/sleep 600"
    )
    seen = observe(place, cell(script, roles=("parent", "child")))
    assert judged(seen).roles == ("parent",)


def test_a_process_that_dies_of_another_signal_than_it_was_sent_is_told_apart(
    traced: ThisMachine,
) -> None:
    script = (
        "trap 'kill -KILL \"$child\"; exit 1' TERM\n"
        "ROLE=child /bin/sh -c 'trap \"\" TERM; ROLE=leaf /bin/sleep 600' & child=$!\n"
        "mark ready\nwait"
    )
    seen = observe(traced, cell(script, TERM_GROUP, roles=("child", "leaf")))
    assert the(seen, "child").end == End(signal="KILL")
    assert {(s.sender_role, s.signal) for s in received(seen, "child")} == {
        ("runner", "TERM"),
        ("job", "KILL"),
    }
    assert judged(seen).roles == ("leaf",)


def test_a_runner_that_says_success_of_a_cancelled_job_is_wrong(place: ThisMachine) -> None:
    script = "trap 'exit 0' TERM\nmark ready\nROLE=child /bin/sleep 600 & wait"
    seen = observe(place, cell(script, roles=("child",)))
    assert judged(seen).report is Truth.WRONG


def test_a_process_that_outlives_the_report_and_then_ends_is_late(place: ThisMachine) -> None:
    script = (
        "ROLE=slow /bin/sh -c 'trap \"/bin/sleep 0.6; exit\" TERM; /bin/sleep 600 & wait' &\n"
        "mark ready\nROLE=child /bin/sleep 600"
    )
    seen = observe(place, cell(script, roles=("slow", "child"), pause_s=0.7))
    outcome = judged(seen)
    assert outcome.processes is Processes.LATE
    assert "slow" in outcome.roles
    assert outcome.report is Truth.EARLY


def test_a_lock_held_by_a_survivor_is_recorded(place: ThisMachine) -> None:
    script = (
        "ROLE=holder setsid flock /tmp/held /bin/sleep 600 &\nmark ready\nROLE=child /bin/sleep 600"
    )
    seen = observe(place, cell(script, roles=("holder", "child")))
    assert ("/tmp/held", "FLOCK") in {(lock.path, lock.kind) for lock in seen.left.locks}


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("exit 3", "ended before it was armed"),
        ("mark ready\nexit 0", "the role 'child'"),
        ("if then", "ended before it was armed"),
    ],
    ids=["ends at once", "without its child", "syntax error"],
)
def test_a_job_that_is_never_armed_has_no_outcome(
    place: ThisMachine, script: str, said: str
) -> None:
    seen = observe(place, cell(script, TERM_PROCESS, roles=("child",)))
    assert seen.trouble is not None
    assert said in seen.trouble.words
    assert not judged(seen).known

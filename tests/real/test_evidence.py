"""What the kernel's trace tells, and that /proc alone never guesses."""

from __future__ import annotations

import jsonschema
import msgspec
import pytest

from aftercancel.judge import judged, schema
from aftercancel.model import (
    Cancellation,
    CleanUp,
    Disposition,
    End,
    Evidence,
    Job,
    Processes,
    Sent,
    Shell,
    ShellKind,
    TroubleKind,
    Truth,
)
from aftercancel.places.this_machine import ThisMachine
from tests.real.vocabulary import (
    BASH,
    CTRL_C,
    DASH,
    END,
    HANG_UP,
    KILL_GROUP,
    PLAIN_TTY,
    PYTHON,
    TERM_GROUP,
    TERM_PROCESS,
    cell,
    job,
    observe,
    received,
    the,
)

CHILD = "mark ready\nROLE=child /bin/sleep 600"


def test_a_signal_names_its_sender_its_call_and_what_it_met(traced: ThisMachine) -> None:
    seen = observe(traced, cell("trap 'exit 1' TERM\n" + CHILD, roles=("child",)))
    (to_job,) = received(seen, "job")
    assert (to_job.sender_role, to_job.call, to_job.to) == ("runner", "kill", Sent.GROUP)
    assert to_job.disposition is Disposition.CAUGHT
    (to_child,) = received(seen, "child")
    assert to_child.disposition is Disposition.DEFAULT
    assert the(seen, "child").end == End(signal="TERM")
    assert the(seen, "job").end == End(status=1)


def test_a_signal_to_one_process_is_not_one_to_a_group(traced: ThisMachine) -> None:
    seen = observe(traced, cell(CHILD, TERM_PROCESS, roles=("child",)))
    assert [s.to for s in received(seen, "job")] == [Sent.PROCESS]
    assert received(seen, "child") == []


def test_an_ignored_signal_is_seen_although_it_is_never_delivered(traced: ThisMachine) -> None:
    seen = observe(traced, cell("trap '' TERM\n" + CHILD, roles=("child",)))
    assert {s.disposition for s in received(seen, "child")} == {Disposition.IGNORED}
    assert "TERM" in (the(seen, "child").dispositions or pytest.fail("not looked at")).ignored


def test_what_a_terminal_sends_has_no_sender(traced: ThisMachine) -> None:
    seen = observe(traced, cell(CHILD, CTRL_C, runner=PLAIN_TTY, roles=("child",)))
    assert {(s.sender, s.signal, s.call) for s in received(seen, "child")} == {
        (None, "INT", "terminal")
    }


def test_a_closed_terminal_hangs_up_its_session(traced: ThisMachine) -> None:
    seen = observe(traced, cell(CHILD, HANG_UP, runner=PLAIN_TTY, roles=("child",)))
    assert "HUP" in {s.signal for s in received(seen, "job")}
    assert the(seen, "job").terminal is not None


def test_a_call_that_the_kernel_refuses_is_recorded_with_its_error(traced: ThisMachine) -> None:
    script = (
        "sudo -n /bin/sleep 600 &\nsudo_pid=$!\n"
        "trap 'kill -TERM $(cat /proc/$sudo_pid/task/$sudo_pid/children); exit 1' TERM\n"
        "mark ready\nwait"
    )
    rule = ("ci ALL=(root) NOPASSWD: /bin/sleep 600",)
    seen = observe(traced, cell(script, TERM_PROCESS, roles=("sudo", "sleep"), sudoers=rule))
    refused = [s for s in seen.signals if s.error is not None]
    assert [(s.signal, s.error, s.receiver_role) for s in refused] == [("TERM", "EPERM", "sleep")]
    assert the(seen, "sleep").user == "root"


def test_a_program_started_in_a_process_s_place_is_the_same_process(traced: ThisMachine) -> None:
    seen = observe(traced, cell("mark ready\nexec env ROLE=child /bin/sleep 600", roles=("child",)))
    assert [p.role for p in seen.processes] == ["runner", "child"]


def test_a_fork_that_runs_no_program_is_named_by_its_parent(traced: ThisMachine) -> None:
    script = "( trap '' TERM; while :; do /bin/sleep 600; done ) &\nmark ready\nwait"
    seen = observe(traced, cell(script, roles=("sleep",)))
    assert "job:fork" in {p.role for p in seen.processes}


THREADED = """
import os, threading, time
threading.Thread(target=time.sleep, args=(600,), daemon=True).start()
os.write(os.open(os.environ["MARKS"], os.O_WRONLY | os.O_APPEND), b"ready\\n")
time.sleep(600)
"""


def test_threads_are_not_processes_and_a_process_ends_with_its_last(traced: ThisMachine) -> None:
    python_job = Job("threads", "", ShellKind.PYTHON, THREADED, "threads.py")
    seen = observe(traced, cell(python_job, TERM_PROCESS, shell=PYTHON))
    assert [p.role for p in seen.processes] == ["runner", "job"]
    assert the(seen, "job").end == End(signal="TERM")
    assert judged(seen).processes is Processes.GONE


def test_a_process_may_call_itself_anything(traced: ThisMachine) -> None:
    name = "a) S 1 1 [x]\n|<b>"
    script = f"cp /bin/sleep '/tmp/{name}'\nmark ready\n'/tmp/{name}' 600"
    seen = observe(traced, cell(script, KILL_GROUP))
    assert seen.trouble is None
    assert judged(seen).processes is Processes.GONE
    assert name in {p.program for p in seen.processes}


def test_marks_stand_in_the_order_of_the_signals(traced: ThisMachine) -> None:
    script = "trap 'mark TERM begin; mark TERM end; exit 1' TERM\nmark ready\nwhile :; do /bin/sleep 600 & wait; done"
    seen = observe(traced, cell(script, TERM_PROCESS))
    (to_job,) = received(seen, "job")
    begin = next(mark for mark in seen.marks if mark.name == "TERM begin")
    assert to_job.delivered_ms is not None
    assert to_job.at_ms <= to_job.delivered_ms < begin.at_ms
    assert begin.role == "job"


def test_marks_that_are_written_at_once_are_marks_each(
    traced: ThisMachine, without_trace: ThisMachine
) -> None:
    script = "printf 'ready\\none\\ntwo\\n' >> \"$MARKS\"\nROLE=child /bin/sleep 600"
    for machine in (traced, without_trace):
        seen = observe(machine, cell(script, roles=("child",)))
        assert [mark.name for mark in seen.marks] == ["ready", "one", "two"]


TIMED = """
import os, signal, time
os.write(os.open(os.environ["MARKS"], os.O_WRONLY | os.O_APPEND), b"ready\\n")
signal.setitimer(signal.ITIMER_REAL, 0.4)
time.sleep(600)
"""


def test_a_process_that_a_timer_ends_has_an_end(traced: ThisMachine) -> None:
    timed = Job("timed", "", ShellKind.PYTHON, TIMED, "timed.py", pause_s=0.5)
    seen = observe(traced, cell(timed, END, shell=PYTHON))
    assert the(seen, "job").end == End(signal="ALRM")


IGNORED_WHILE_BLOCKED = """
import os, signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
os.write(os.open(os.environ["MARKS"], os.O_WRONLY | os.O_APPEND), b"ready\\n")
signal.sigtimedwait([signal.SIGUSR1], 0.5)
signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGTERM])
time.sleep(600)
"""


def test_a_signal_that_was_blocked_and_is_ignored_is_no_sentence(traced: ThisMachine) -> None:
    blocked = Job("b", "", ShellKind.PYTHON, IGNORED_WHILE_BLOCKED, "b.py", pause_s=0.6)
    seen = observe(traced, cell(blocked, TERM_PROCESS, shell=PYTHON))
    (term,) = received(seen, "job")
    assert term.disposition is Disposition.IGNORED
    assert the(seen, "job").ended_ms is None


def test_a_job_left_alone_is_observed_to_its_end(place: ThisMachine) -> None:
    seen = observe(place, cell('mark ready\nROLE=child /bin/sleep "$HOLD"\nexit 4', END))
    assert seen.fired == ()
    assert seen.report is not None
    assert (seen.report.said, seen.report.end) == ("failed", End(status=4))


def test_without_a_trace_nothing_is_guessed(without_trace: ThisMachine) -> None:
    seen = observe(without_trace, cell(CHILD, TERM_GROUP, roles=("child",)))
    assert seen.evidence is Evidence.PROC
    assert seen.signals == ()
    assert the(seen, "child").end == End()
    assert [mark.role for mark in seen.marks] == [None]


JOBS = {
    "exit-trap": job(
        "trap 'mark EXIT begin; /bin/sleep 0.2; mark EXIT end' EXIT\n" + CHILD,
        roles=("child",),
        marks=("ready", "EXIT begin", "EXIT end"),
        cleanup="EXIT",
    ),
    "no-trap": job(CHILD, roles=("child",)),
    "ignore": job("trap '' TERM\n" + CHILD, roles=("child",)),
    "stray": job("ROLE=stray setsid /bin/sleep 600 &\n" + CHILD, roles=("stray", "child")),
    "slow": job(
        "ROLE=slow /bin/sh -c 'trap \"/bin/sleep 0.6; exit\" TERM; /bin/sleep 600 & wait' &\n"
        + CHILD,
        roles=("slow", "child"),
        pause_s=0.7,
    ),
}


@pytest.mark.parametrize("how", [TERM_PROCESS, TERM_GROUP, KILL_GROUP], ids=lambda how: how.id)
@pytest.mark.parametrize("shell", [DASH, BASH], ids=lambda shell: shell.id)
@pytest.mark.parametrize("name", JOBS)
def test_both_kinds_of_evidence_give_the_same_outcome(
    traced: ThisMachine, without_trace: ThisMachine, name: str, shell: Shell, how: Cancellation
) -> None:
    one = cell(JOBS[name], how, shell=shell)
    strong, weak = judged(observe(traced, one)), judged(observe(without_trace, one))
    assert strong.known
    pairs = (
        (strong.processes, weak.processes, Processes.UNKNOWN),
        (strong.cleanup, weak.cleanup, CleanUp.UNKNOWN),
        (strong.report, weak.report, Truth.UNKNOWN),
    )
    for known, other, unknown in pairs:
        assert other in (known, unknown)


def test_lost_events_are_noticed_and_nothing_is_concluded() -> None:
    # More than so small a buffer holds between two turns, and far less than a flood.
    burst = job(
        "trap '' USR1\nmark ready\ni=0\n"
        "while [ $i -lt 300 ]; do kill -USR1 $$; i=$((i+1)); done\n/bin/sleep 600",
    )
    with ThisMachine(evidence=Evidence.TRACE, buffer_kb=4) as machine:
        seen = observe(machine, cell(burst, KILL_GROUP))
    assert seen.trouble is not None
    assert seen.trouble.kind is TroubleKind.LOST_EVENTS
    assert not judged(seen).known


@pytest.mark.parametrize("how", [TERM_GROUP, END], ids=lambda how: how.id)
def test_a_real_observation_fits_the_schema(place: ThisMachine, how: Cancellation) -> None:
    seen = observe(place, cell(JOBS["exit-trap"], how))
    document = msgspec.json.decode(msgspec.json.encode(seen))
    jsonschema.Draft202012Validator(schema()).validate(document)


def test_a_line_that_is_not_an_observation_does_not_fit_the_schema(place: ThisMachine) -> None:
    document = msgspec.json.decode(msgspec.json.encode(observe(place, cell(CHILD))))
    document["processes"][0]["started_ms"] = "soon"
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft202012Validator(schema()).validate(document)

"""One observation told as a story."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import pytest

from aftercancel import render
from aftercancel.model import (
    Disposition,
    Dispositions,
    End,
    Evidence,
    Fired,
    Left,
    LeftFile,
    Lock,
    Observation,
    Process,
    Queued,
    Report,
    Said,
    Sent,
    Stream,
    TerminalModes,
    TroubleKind,
)
from tests.observing import (
    AT_REST,
    RUNNER,
    cell,
    child,
    job,
    launcher,
    process,
    says,
    sent,
    survivor,
    trouble,
    with_cleanup,
)


def text_of(observation: Observation) -> str:
    return "\n".join(render.story(observation))


def relaying() -> Observation:
    """TERM to the job alone, whose trap sends it on."""
    traps = Dispositions(("TERM", "CHLD"), ("QUIT",), ())
    shell = job(dies_at=3.0, signal=None, status=143, doomed_ms=None, dispositions=traps)
    sleeper = child(doomed_ms=1.0)
    return cell(
        shell,
        sleeper,
        signals=(
            sent("TERM", RUNNER, shell, Disposition.CAUGHT),
            sent("TERM", shell, sleeper, at=1.0),
            sent("CHLD", None, shell, Disposition.CAUGHT, at=1.3),
        ),
        marks=(says("ready", -50.0), says("TERM begin", 0.5)),
    )


def test_a_relay_is_told_as_a_relay() -> None:
    assert (
        "  TERM to job (caught) → job sends TERM to child (default) → dies"
        in text_of(relaying()).splitlines()
    )


def test_a_relay_through_two_processes_is_one_chain() -> None:
    sudo = process("sudo", "/usr/bin/sudo", "x", key=1, ended=4.0, status=1)
    shell = process("job", "/bin/bash", "/lab/job.sh", key=2, parent=1, ended=3.0, status=143)
    sleeper = child(key=3, parent=2, ended=2.2, signal="KILL", doomed_ms=2.0)
    found = cell(
        sudo,
        shell,
        sleeper,
        signals=(
            sent("TERM", RUNNER, sudo, Disposition.CAUGHT),
            sent("TERM", sudo, shell, Disposition.CAUGHT, at=1.0),
            sent("KILL", shell, sleeper, at=2.0),
        ),
    )
    assert render.told(found).relays == (
        (
            "TERM to sudo (caught) → sudo sends TERM to job (caught) → job sends KILL to child "
            "(default) → dies"
        ),
    )


def test_a_process_that_ends_itself_with_the_signal_it_caught_is_told() -> None:
    shell = job()
    signals = (
        sent("TERM", RUNNER, shell, Disposition.CAUGHT),
        sent("TERM", shell, shell, at=0.9),
    )
    assert "TERM to job (caught) → job sends TERM to itself (default) → dies" in text_of(
        cell(shell, signals=signals)
    )


def test_a_signal_that_nobody_sends_on_is_no_relay() -> None:
    shell = job()
    assert "Relays" not in text_of(cell(shell, signals=(sent("TERM", RUNNER, shell),)))


def test_everything_stands_in_the_order_of_time() -> None:
    text = text_of(relaying())
    expected = [
        "runner starts job (bash /lab/job.sh)",
        "job starts child (sleep 600)",
        "job says “ready”",
        "— armed",
        "— the cancellation: TERM to group",
        "runner sends TERM (kill): job catches it",
        "job says “TERM begin”",
        "job sends TERM (kill): child dies of it (default)",
        "child died of TERM",
        "job ended with status 143",
        "— the runner reports: cancelled (the job died of TERM)",
        "— decided: all gone",
    ]
    found = [text.index(words) for words in expected]
    assert found == sorted(found)


def test_a_call_to_a_group_is_one_happening() -> None:
    shell, sleeper = job(), child()
    group = tuple(replace(sent("TERM", RUNNER, p), to=Sent.GROUP) for p in (shell, sleeper))
    assert (
        "runner sends TERM to the group (kill): job dies of it (default) and child dies of it "
        "(default)" in text_of(cell(shell, sleeper, signals=group))
    )


def test_who_was_there_is_told_with_what_they_catch_and_ignore() -> None:
    line = next(part for part in render.told(relaying()).present if part.startswith("job"))
    assert line == (
        "job (bash /lab/job.sh); started by runner; pid 3, group 3, session 3, user ci; "
        "catches TERM; ignores QUIT"
    )


def test_the_kernels_own_signals_are_told_as_such() -> None:
    shell = job(of="HUP")
    typed = replace(sent("HUP", None, shell), call="terminal")
    assert "the terminal sends HUP: job dies of it" in text_of(cell(shell, signals=(typed,)))


def test_a_refused_signal_is_told() -> None:
    refused = replace(
        sent("TERM", RUNNER, None, Disposition.PENDING, error="EPERM"), receiver_role="tunnel"
    )
    assert "tunnel is not reached, EPERM" in text_of(cell(job(), signals=(refused,)))


def test_a_refused_step_of_the_cancellation_is_told_plainly() -> None:
    fired = (Fired(0.0, "TERM to process", "Operation not permitted"),)
    text = text_of(cell(survivor("job", key=1), fired=fired, report=None))
    assert "— the cancellation: TERM to process: refused (Operation not permitted)" in text


def test_what_root_sends_is_told_as_roots() -> None:
    shell = job(of="KILL")
    by_root = replace(sent("KILL", None, shell), sender_role="root", call="kill", to=Sent.PROCESS)
    assert "root sends KILL (kill): job dies of it" in text_of(cell(shell, signals=(by_root,)))


def test_the_runner_reports_the_end_of_what_it_started() -> None:
    sudo, shell = launcher(), job(key=2, parent=1)
    found = cell(sudo, shell, report=Report(5.0, Said.CANCELLED, End(143)))
    assert "the runner reports: cancelled (sudo ended with status 143)" in text_of(found)


def test_a_process_on_the_other_host_is_told_as_that() -> None:
    ssh, shell = launcher("ssh"), job(key=2, parent=None, far=True, pid=7)
    found = cell(ssh, shell)
    assert "pid 7 on the other host" in render.told(found).present[1]
    assert "the other host's server starts job" in text_of(found)


def test_a_terminal_of_the_jobs_own_is_told_by_its_name() -> None:
    sudo = launcher(terminal="pts/0")
    shell = job(of="HUP", key=2, parent=1, terminal="pts/1")
    signals = tuple(replace(sent("HUP", None, p), call="terminal") for p in (sudo, shell))
    text = text_of(cell(sudo, shell, signals=signals))
    assert "the terminal sends HUP: sudo" in text
    assert "terminal pts/1 sends HUP: job dies of it" in text


@pytest.mark.parametrize(
    ("receiver", "words"),
    [
        (survivor(dispositions=Dispositions((), (), ("TERM",))), "child blocks it"),
        (child(ended=0.5, signal=None, status=0, doomed_ms=None), "child is dying already"),
        (survivor(), "child never gets it"),
    ],
)
def test_a_signal_that_was_not_delivered_says_why(receiver: Process, words: str) -> None:
    shell = job()
    pending = sent("TERM", RUNNER, receiver, Disposition.PENDING)
    assert words in text_of(cell(shell, receiver, signals=(pending,)))


def test_an_init_takes_what_it_waits_for() -> None:
    tini, shell = launcher("tini", dispositions=AT_REST), job(key=2, parent=1)
    signals = (
        sent("TERM", RUNNER, tini, Disposition.PENDING),
        sent("TERM", tini, shell, at=1.0),
    )
    assert "tini takes it, having waited for it" in text_of(cell(tini, shell, signals=signals))


def test_other_settings_of_the_terminal_are_told_as_left() -> None:
    modes = TerminalModes(before=("echo", "icanon", "isig"), after=("isig", "nonblock"))
    text = text_of(cell(job(), terminal_modes=modes))
    assert "the terminal with other settings than before (stty): -echo -icanon nonblock" in text


def test_a_terminal_as_it_was_is_not_remarked() -> None:
    modes = TerminalModes(before=("echo", "icanon"), after=("icanon", "echo"))
    assert "settings" not in text_of(cell(job(), terminal_modes=modes))


def test_what_was_left_is_told() -> None:
    left = Left((LeftFile("/tmp/a b", 3, "file"),), (Lock("/tmp/l", "FLOCK", "child"),), cut=True)
    text = text_of(cell(job(), survivor(), left=left))
    assert "a process: child (sleep 600)" in text
    assert "/tmp/a b (file, 3 bytes)" in text
    assert "a lock (FLOCK) on /tmp/l, held by child" in text
    assert "more files than the lab looks at" in text


def test_the_outcome_stands_in_the_story() -> None:
    text = text_of(with_cleanup())
    assert "processes gone, clean-up skipped, report truthful" in text


def test_output_with_control_bytes_and_more_lines_than_anybody_reads_is_harmless() -> None:
    noise = "\x1b]0;title\x07\ufffd\r\u2028\n" + "line\n" * 50
    text = text_of(cell(job(), stdout=Stream(noise, 9000, 7, cut=True)))
    assert all(c.isprintable() for line in text.split("\n") for c in line)
    assert "stdout: 9000 bytes, and 7 bytes after the report" in text
    assert "| \\e]0;title\\x07�\\r\\u2028" in text
    assert "39 more lines" in text


def test_a_story_of_thousands_of_processes_shows_both_ends_and_says_what_is_between() -> None:
    crowd = [survivor(key=n, started_ms=n / 10) for n in range(2, 4000)]
    lines = render.story(cell(job(), *crowd))
    assert len(lines) < 300
    found = render.told(cell(job(), *crowd))
    assert len(found.happenings) + found.untold > 3000
    assert any("more" in line and "…" in line for line in lines)
    assert found.happenings[-1].what == "— decided: at rest"


def test_a_cell_that_was_not_measured_still_has_a_story() -> None:
    assert "Not measured (not armed): no mark" in text_of(trouble())


def test_proc_evidence_says_what_it_cannot_know() -> None:
    assert "cannot be known" in text_of(cell(job(), evidence=Evidence.PROC))


def test_a_runner_that_never_reports_is_no_report() -> None:
    text = text_of(cell(job(), survivor(), report=None))
    assert "reports" not in text.split("Outcome")[0]


def test_an_early_report_says_what_the_runner_saw() -> None:
    text = text_of(cell(job(), report=Report(5.0, Said.SUCCESS, End(0))))
    assert "the runner reports: success (the job ended with status 0)" in text


def test_the_story_is_data_too() -> None:
    decoded = msgspec.json.decode(msgspec.json.encode(render.told(relaying())))
    assert decoded["outcome"]["processes"] == "gone"
    assert {"at_ms": 1.0, "what": "job sends TERM (kill): child dies of it (default)"} in (
        decoded["happenings"]
    )


# -- real runners


def test_the_words_of_a_real_runner_s_report_are_told() -> None:
    said = Report(5.0, Said.FAILED, End(), words="state=failed\nfailure_reason=job_execution")
    text = text_of(cell(job(), report=said))
    told = "— the runner reports: failed (state=failed\\nfailure_reason=job_execution)"
    assert told in text


def test_jobs_that_waited_behind_it_are_told_at_their_moments() -> None:
    waiting = (Queued(-9.0, 30.0), Queued(-8.0, None), Queued(-7.0, None, listed=False))
    lines = text_of(cell(job(), queued=waiting)).splitlines()
    assert [line.strip() for line in lines if "waiting job" in line] == [
        "30.0  — waiting job 1 starts",
        "700.0  — waiting job 2 still waits",
        "700.0  — waiting job 3 is not known to the runner any more",
    ]


def test_how_often_a_process_sent_itself_the_same_is_told() -> None:
    one = job()
    again = sent("TERM", one, one, Disposition.CAUGHT, times=7586)
    text = text_of(cell(one, signals=(again,)))
    assert "job sends TERM (kill, 7,586 times): job (itself) catches it" in text


def test_what_a_runtime_does_with_its_own_threads_is_not_told() -> None:
    one = job()
    own = sent("URG", one, one, Disposition.CAUGHT, call="tgkill")
    assert "URG" not in text_of(cell(one, signals=(own,)))


def test_the_end_of_a_runner_s_own_log_is_told() -> None:
    log = "".join(f"line {n}\n" for n in range(100)) + "panic: \x1b[31mno\n"
    lines = text_of(replace(trouble(), runner_log=log)).splitlines()
    at = lines.index("What the runner itself logged")
    assert lines[at + 1 : at + 41] == [
        *(f"  line {n}" for n in range(61, 100)),
        "  panic: \\e[31mno",
    ]


def test_a_runner_that_could_not_be_had_is_a_reason() -> None:
    text = text_of(trouble(TroubleKind.RUNNER, "gitlab-runner did not start: port 80 is taken"))
    assert "Not measured (runner): gitlab-runner did not start: port 80 is taken" in text


def test_a_cell_of_a_model_says_that_it_is_one() -> None:
    found = replace(cell(job()), cell="exit-trap/bash/none/hudson-modelled/abort")
    assert "  the runner is a model: it does what its author read" in text_of(found)
    assert "a model" not in text_of(cell(job()))

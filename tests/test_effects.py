"""The table of a forced terminal's effects, over observations that are told by hand.

Above 400 lines because each effect of the table is tried here, in the same words.
"""

from __future__ import annotations

import base64
from dataclasses import replace
from typing import Any

import pytest

from aftercancel import catalog
from aftercancel.judge.effects import SLICE, Compared, Difference, Effect, compare
from aftercancel.judge.effects_bytes import changes
from aftercancel.judge.effects_listed import EFFECTS
from aftercancel.model import (
    Decided,
    End,
    Fired,
    Observation,
    Report,
    Said,
    Stream,
    TerminalModes,
    TroubleKind,
)
from tests.observing import cell, job, process, sent, survivor, trouble

# Vocabulary

EFFECT = {effect.id: effect for effect in EFFECTS}
WITHOUT, WITH = range(2)


def stream(data: bytes) -> Stream:
    """Output as the lab stores it: raw bytes beside the text only where it is not UTF-8."""
    text = data.decode("utf-8", "replace")
    raw = "" if text.encode() == data else base64.b64encode(data).decode()
    return Stream(text, len(data), 0, cut=False, base64=raw)


def saw(
    effect: str, side: int, stdout: bytes = b"", stderr: bytes = b"", **more: Any
) -> Observation:
    """A job that came to its end, and what it printed."""
    processes = more.pop("processes", (job(dies_at=-1.0, of="", signal=None, status=0),))
    fields: dict[str, Any] = {
        "fired": (),
        "report": Report(0.0, Said.SUCCESS, End(status=0)),
        "stdout": stream(stdout),
        "stderr": stream(stderr),
        "cell": EFFECT[effect].cells[side],
    }
    return replace(cell(*processes), **{**fields, **more})


def hangs(effect: str, side: int, *living: Any, stdout: bytes = b"") -> Observation:
    """A job that rests for ever."""
    return saw(effect, side, stdout, processes=living, report=None, decided=Decided.AT_REST)


def row(effect: str, *observations: Observation) -> Compared:
    """The effect's row of the table."""
    (found,) = compare(observations, [EFFECT[effect]])
    return found


def answer(effect: str, observation: Observation) -> str | None:
    """What one observation says; None: it does not tell."""
    (found,) = compare([observation], [EFFECT[effect]])
    sides = {side.cell: side for side in (found.without, found.with_terminal)}
    return next(iter(sides[observation.cell].seen), None)


STREAMS = (
    saw("stderr-apart", WITHOUT, b"to stdout\n", b"to stderr\n"),
    saw("stderr-apart", WITH, b"to stdout\r\nto stderr\r\n", b"Connection to far closed.\r\n"),
)

# The two sides of an effect


def test_an_effect_shows_where_the_two_answers_differ() -> None:
    found = row("stderr-apart", *STREAMS)
    assert found.difference is Difference.DIFFERS
    assert found.without.seen == ("on stderr",)
    assert found.with_terminal.seen == ("on stdout",)


def test_an_effect_does_not_show_where_the_answers_are_the_same() -> None:
    unset = (
        saw("columns", WITHOUT, b"COLUMNS: unset\n"),
        saw("columns", WITH, b"COLUMNS: unset\r\n"),
    )
    assert row("columns", *unset).difference is Difference.SAME


def test_the_evidence_is_named_by_cell() -> None:
    found = row("stderr-apart", *STREAMS)
    assert found.without.cell == "tty-streams/dash/ssh/plain/end"
    assert found.with_terminal.cell == "tty-streams/dash/ssh-tt/plain/end"


def test_an_effect_of_which_one_side_is_missing_is_not_measured() -> None:
    found = row("stderr-apart", STREAMS[WITH])
    assert found.difference is Difference.NOT_MEASURED
    assert (found.without.measured, found.with_terminal.measured) == (0, 1)


def test_a_cell_with_a_trouble_could_not_tell_and_says_why() -> None:
    broken = replace(trouble(TroubleKind.SANDBOX, "no sshd"), cell=STREAMS[WITH].cell)
    found = row("stderr-apart", STREAMS[WITHOUT], broken)
    assert found.difference is Difference.COULD_NOT_TELL
    assert "no sshd" in found.with_terminal.why_not


def test_a_line_that_came_out_nowhere_could_not_tell() -> None:
    found = row("stderr-apart", STREAMS[WITHOUT], saw("stderr-apart", WITH))
    assert found.difference is Difference.COULD_NOT_TELL
    assert found.with_terminal.why_not == "the observation does not say"


def test_nothing_follows_from_a_text_that_is_missing_in_an_output_without_the_job() -> None:
    assert answer("echo", saw("echo", WITH, b"read 6 characters\r\n")) == "it is not"
    assert answer("echo", saw("echo", WITH, b"")) is None


def test_a_reading_that_fails_could_not_tell() -> None:
    found = row("ctrl-c", saw("ctrl-c", WITHOUT, b"received: zz\n"), saw("ctrl-c", WITH))
    assert found.difference is Difference.COULD_NOT_TELL
    assert "the reading failed (ValueError" in found.without.why_not


def test_a_cancellation_that_was_never_fired_could_not_tell() -> None:
    modes = TerminalModes(("echo",), ("echo",))
    unfired = saw("local-kill", WITH, terminal_modes=modes)
    assert answer("local-kill", unfired) is None
    fired = replace(unfired, fired=(Fired(0.0, "KILL to process"),))
    assert answer("local-kill", fired) == "as before"


def test_a_runner_that_died_could_not_tell() -> None:
    died = replace(STREAMS[WITH], report=None, runner_end=End(signal="KILL"))
    assert "the runner died of KILL" in row("stderr-apart", died).with_terminal.why_not


def test_a_cell_that_was_broken_off_could_not_tell() -> None:
    broken_off = replace(STREAMS[WITH], decided=None)
    found = row("stderr-apart", broken_off).with_terminal
    assert (found.seen, found.why_not) == ((), "the watching was broken off")


def test_attempts_that_never_agree_with_the_other_side_still_differ() -> None:
    again = saw("window", WITH, b"size: 24 80\r\n", attempt=2)
    first = saw("window", WITH, b"size: 0 0\r\n")
    found = row("window", saw("window", WITHOUT, b"size: no terminal\n"), first, again)
    assert found.difference is Difference.DIFFERS
    assert found.with_terminal.seen == ("0 rows, 0 columns", "24 rows, 80 columns")


def test_attempts_of_which_some_agree_with_the_other_side_could_not_tell() -> None:
    one, other = b"COLUMNS: unset\n", b"COLUMNS: 80\n"
    found = row(
        "columns",
        saw("columns", WITHOUT, one),
        saw("columns", WITH, one),
        saw("columns", WITH, other, attempt=2),
    )
    assert found.difference is Difference.COULD_NOT_TELL


# Jobs that do not end


def test_a_job_that_waits_for_ever_is_hung_and_who_waits_is_named() -> None:
    shell = survivor("job", key=1)
    cat = survivor("cat", key=2, program="cat")
    server = survivor("sshd:fork", key=3, program="sshd")
    assert answer("end-of-input", hangs("end-of-input", WITH, shell, cat, server)) == (
        "hung: cat waits"
    )


def test_a_job_that_hangs_after_a_question_is_quoted() -> None:
    asks = hangs(
        "prompt-rm", WITH, survivor("rm", key=1), stdout=b"\x1b[1mrm: remove 'file'?\x1b[m "
    )
    assert answer("prompt-rm", asks) == "hung: rm waits after “rm: remove 'file'?”"


def test_a_job_that_was_still_busy_when_the_time_was_over_is_not_called_hung() -> None:
    busy = replace(
        hangs("end-of-input", WITH, survivor("cat", key=1)), decided=Decided.SETTLE_TIME_OVER
    )
    found = row("end-of-input", busy).with_terminal
    assert found.seen == ()
    assert "settle time" in found.why_not


# Bytes


@pytest.mark.parametrize(
    ("sent", "arrived", "words"),
    [
        (b"one\n", b"one\n", "all 4 bytes as they were"),
        (b"a\nb\n", b"a\r\nb\r\n", "2 of 4 bytes as they were; 2 × 0x0a arrived as 0x0d 0x0a"),
        (b"a\rb", b"a\nb", "2 of 3 bytes as they were; 0x0d arrived as 0x0a"),
        (b"one\x1atwo", b"two", "3 of 7 bytes as they were; lost: “one” 0x1a"),
        (b"one", b"one\n", "3 of 3 bytes as they were; 0x0a came behind them"),
        (b"\x80\x81\x82\x83", b"", "0 of 4 bytes as they were; lost: 0x80 to 0x83"),
    ],
    ids=["none", "put in front", "another", "lost", "too many", "neighbours"],
)
def test_what_became_of_bytes_is_told_byte_by_byte(sent: bytes, arrived: bytes, words: str) -> None:
    assert changes(sent, arrived) == words


def test_a_long_list_of_lost_bytes_says_how_many_more_there_are() -> None:
    assert changes(bytes(range(0, 32, 2)), b"").endswith("0x0a and 10 more")


def test_bytes_that_are_no_text_are_read_from_the_raw_output() -> None:
    everything = bytes(range(256))
    assert answer("output-bytes", saw("output-bytes", WITHOUT, everything)) == (
        "all 256 bytes as they were"
    )
    changed = everything.replace(b"\n", b"\r\n")
    assert answer("output-bytes", saw("output-bytes", WITH, changed)) == (
        "255 of 256 bytes as they were; 0x0a arrived as 0x0d 0x0a"
    )


def test_output_of_which_the_lab_kept_only_a_part_could_not_tell() -> None:
    whole = saw("output-newline", WITH, b"one\r\n")
    assert answer("output-newline", replace(whole, stdout=replace(whole.stdout, cut=True))) is None


def test_a_text_that_may_be_in_the_part_of_the_output_that_was_not_kept_could_not_tell() -> None:
    whole = saw("echo", WITH, b"read 6 characters\r\n")
    assert answer("echo", replace(whole, stdout=replace(whole.stdout, cut=True))) is None


def test_the_amount_of_output_counts_also_what_was_not_kept_and_what_came_late() -> None:
    seen = saw("output-long-line", WITH, stdout=b"")
    stdout = Stream("x" * 10, 150_000, 50_000, cut=True)
    assert answer("output-long-line", replace(seen, stdout=stdout)) == "200000 of 200000 bytes"


def test_what_the_job_received_is_found_behind_its_echo() -> None:
    echoed = b"received: 00\r\nEND\r\n^Dreceived: 6f 6e 65 74 77 6f 0a 45 4e 44 0a\r\n"
    assert answer("ctrl-c", saw("ctrl-c", WITH, echoed)) == (
        "11 of 12 bytes as they were; lost: 0x03"
    )


def test_a_byte_that_ended_the_job_is_told_by_the_signal_that_the_terminal_sent() -> None:
    reader = job(dies_at=-1.0, of="INT")
    killed = saw(
        "ctrl-c",
        WITH,
        b"^Ctwo\r\n",
        processes=(reader,),
        signals=(
            sent("CHLD", None, reader),
            sent("INT", None, reader),
            sent("QUIT", reader, reader),
            sent("HUP", None, reader),
        ),
        report=Report(0.0, Said.FAILED, End(status=255)),
    )
    assert answer("ctrl-c", killed) == "INT to the job, ssh ended with status 255"


def test_a_connection_that_data_cut_is_told_by_the_client_s_status() -> None:
    cut = saw("tilde", WITH, report=Report(0.0, Said.FAILED, End(status=255)))
    assert answer("tilde", cut) == "ssh ended with status 255"


def test_a_job_that_said_nothing_and_ended_well_could_not_tell() -> None:
    assert answer("ctrl-c", saw("ctrl-c", WITH)) is None


# Processes and terminals


@pytest.mark.parametrize(
    ("left", "words"),
    [
        (process("background", key=2, ended=-1.0, signal="HUP"), "it died of HUP"),
        (
            process("background", key=2, ended=-1.0, signal=None, status=0),
            "it lives on, ssh waits for it",
        ),
        (
            process("background", key=2, ended=4.0, signal=None, status=0),
            "it lives on, ssh waits for it",
        ),
        (
            process("background", key=2, ended=900.0, signal=None, status=0),
            "it lives on, ssh has ended",
        ),
        (
            process("background", key=2, ended=-900.0, signal=None, status=1),
            "it ended with status 1",
        ),
        (survivor("background"), "it lives on, ssh has ended"),
        (process("background", key=2, ended=-1.0, signal=None), None),
    ],
    ids=[
        "hung up",
        "waited for",
        "closed its output",
        "outlived ssh",
        "failed",
        "never ended",
        "end not known",
    ],
)
def test_the_end_of_a_child_left_behind_is_told(left: Any, words: str | None) -> None:
    seen = saw("background-silent", WITH, processes=(job(dies_at=-2.0, of="HUP"), left))
    assert answer("background-silent", seen) == words


def test_what_ssh_says_of_the_end_is_its_status() -> None:
    seen = saw("exit-status", WITH, report=Report(0.0, Said.FAILED, End(status=3)))
    assert answer("exit-status", seen) == "ssh ended with status 3"


@pytest.mark.parametrize(
    ("after", "words"),
    [
        (("echo", "icanon", "isig", "opost"), "as before"),
        (("opost",), "left raw: echo, icanon and isig off"),
        (("echo", "icanon", "ignpar", "isig"), "left changed: opost off; ignpar on"),
    ],
    ids=["restored", "raw", "changed"],
)
def test_the_settings_of_the_local_terminal_are_compared(
    after: tuple[str, ...], words: str
) -> None:
    before = ("echo", "icanon", "isig", "opost")
    seen = saw("local-end", WITH, terminal_modes=TerminalModes(before, after))
    assert answer("local-end", seen) == words


def test_a_terminal_that_nobody_looked_at_could_not_tell() -> None:
    assert answer("local-end", saw("local-end", WITH)) is None


@pytest.mark.parametrize(
    ("effect", "stdout", "words"),
    [
        ("isatty", b"terminals:\n", "none of the three"),
        ("isatty", b"terminals: 0 1 2\r\n", "stdin, stdout and stderr"),
        ("dev-tty", b"/dev/tty: yes\r\n", "yes"),
        ("ls-columns", b"alpha\nbeta\ngamma\n", "a name a line"),
        ("ls-columns", b"alpha  beta  gamma\r\n", "several names a line"),
        ("ls-columns", b"", None),
        ("colour-ls", b"\x1b[0m\x1b[01;34mone\x1b[0m\r\n", "it is"),
        ("progress-git", b"Cloning\r\n 50%\r100%\r\n", "it does"),
        ("progress-git", b"Cloning\r\n100%\r\n", "it does not"),
        ("window", b"size: 24 80\r\n", "24 rows, 80 columns"),
        ("window", b"size: no terminal\n", "no terminal"),
        ("end-seen-twice", b"first: 10\nsecond: 0\n", "the first 10 bytes, the second 0"),
        ("output-of-the-killed", b"status: 137\n", "it is lost"),
        ("prompt-rm", b"removed\n", "it removes it"),
    ],
)
def test_what_a_job_prints_is_read(effect: str, stdout: bytes, words: str | None) -> None:
    assert answer(effect, saw(effect, WITHOUT, stdout)) == words


def test_what_ssh_adds_to_stderr_is_quoted_without_the_job_s_own_line() -> None:
    assert answer("client-words", STREAMS[WITHOUT]) == "nothing"
    assert answer("client-words", STREAMS[WITH]) == "“Connection to far closed.”"
    assert answer("client-words", saw("client-words", WITH)) is None


def test_what_a_job_prints_cannot_speak_to_the_reader_s_terminal() -> None:
    found = answer("term", saw("term", WITH, b"TERM: \x1b]0;title\x07\r\n"))
    assert found == "\\e]0;title\\x07"


# The list and the catalogue

CATALOGUE = catalog.load()


def test_the_slice_has_the_cells_of_all_effects_and_no_others() -> None:
    cells = {cell for effect in EFFECTS for cell in effect.cells}
    assert set(CATALOGUE.slices[SLICE].cells) == cells


@pytest.mark.parametrize("effect", EFFECTS, ids=lambda effect: effect.id)
def test_what_an_effect_compares_with_is_what_the_job_is_sent(effect: Effect) -> None:
    expected = getattr(effect.reading, "sent", None)
    given = CATALOGUE.jobs[effect.job]
    if given.input is None or expected is None:
        return
    data = given.input.encode("latin-1") * given.input_times
    if isinstance(expected, int):
        assert len(data.removesuffix(b"END\n")) == expected
    else:
        assert data == expected


def test_no_two_effects_have_the_same_id_or_question() -> None:
    assert len({effect.id for effect in EFFECTS}) == len(EFFECTS)
    assert len({effect.question for effect in EFFECTS}) == len(EFFECTS)

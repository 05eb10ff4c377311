"""The effects of a forced terminal on what a job prints and reads."""

from __future__ import annotations

from functools import partial

from aftercancel.judge import effects_readings as read
from aftercancel.judge.effects import Effect
from aftercancel.judge.effects_readings import (
    Contains,
    Output,
    OutputAmount,
    Received,
    ReceivedAmount,
    Says,
)

_END = b"\nEND\n"
"""Where the readers of data stop, whatever becomes of the input's end."""
_OTHER_BYTES = bytes(byte for byte in range(256) if byte not in b"\x03\x04\x13\x1a\x1c")
"""Without those that a terminal takes for ^C ^D ^S ^Z ^\\, which have jobs of their own."""
_SEEN = Says((("end seen", "it is"),))
_PYTHON = "python3"

_output = partial(Effect, group="Output")
_input = partial(Effect, group="Input")
_control = partial(Effect, group="Control bytes in the data on the input", shell=_PYTHON)
_end_of_input = partial(Effect, group="The end of the input")

EFFECTS_ON_DATA = (
    _output("stderr-apart", "Where does the job's stderr come out?", "tty-streams", read.streams),
    _output(
        "client-words", "What is on stderr that is not the job's?", "tty-streams", read.client_words
    ),
    _output(
        "output-newline",
        "How do newlines and a tab arrive?",
        "tty-output-newline",
        Output(b"one\n\ttwo\n"),
    ),
    _output(
        "output-bytes",
        "How do all 256 byte values arrive?",
        "tty-output-bytes",
        Output(bytes(range(256))),
    ),
    _output(
        "output-long-line",
        "How much of a line of 200000 bytes arrives?",
        "tty-output-long",
        OutputAmount(200_000),
    ),
    _output(
        "output-of-the-killed",
        "Does a line arrive that a program printed before it was killed?",
        "tty-killed-printing",
        Contains("half way", "it does", "it is lost", beside="status: 137"),
    ),
    _input(
        "echo",
        "Is the input in the output?",
        "tty-input-echo",
        Contains("secret", "it is", "it is not", beside="read 6 characters"),
    ),
    _input(
        "input-newline",
        "How do lines arrive that end in 0x0a, 0x0d 0x0a and 0x0d?",
        "tty-input-newline",
        Received(b"one\ntwo\r\nthree\rfour" + _END),
        shell=_PYTHON,
    ),
    _input(
        "input-bytes",
        "How do all byte values but 0x03, 0x04, 0x13, 0x1a and 0x1c arrive?",
        "tty-input-bytes",
        Received(_OTHER_BYTES + _END),
        shell=_PYTHON,
    ),
    _input(
        "input-long-line",
        "How much of a line of 4500 bytes does the job get?",
        "tty-input-long-line",
        ReceivedAmount(4501),
    ),
    _input(
        "input-many-lines",
        "How much of 10000 bytes in lines of 50 does the job get?",
        "tty-input-many-lines",
        ReceivedAmount(10_000),
    ),
    _control(
        "ctrl-c",
        "What does the job get of a line with 0x03 (^C) in it?",
        "tty-ctrl-c",
        Received(b"one\x03two" + _END),
    ),
    _control(
        "ctrl-d",
        "What does it get of data with 0x04 (^D) between two lines?",
        "tty-ctrl-d",
        Received(b"one\n\x04two" + _END),
    ),
    _control(
        "ctrl-z",
        "What does it get of a line with 0x1a (^Z) in it?",
        "tty-ctrl-z",
        Received(b"one\x1atwo" + _END),
    ),
    _control(
        "ctrl-s",
        "What does it get of a line with 0x13 (^S) in it?",
        "tty-ctrl-s",
        Received(b"one\x13two" + _END),
    ),
    _control(
        "ctrl-backslash",
        "What does it get of a line with 0x1c (^\\) in it?",
        "tty-ctrl-backslash",
        Received(b"one\x1ctwo" + _END),
    ),
    _control(
        "tilde",
        "What does it get of data with a line ~. (ssh's escape)?",
        "tty-tilde",
        Received(b"one\n~.\ntwo" + _END),
    ),
    _end_of_input(
        "end-of-input", "Is the end seen when the input is closed?", "tty-input-end", _SEEN
    ),
    _end_of_input("no-input", "Is the end of /dev/null seen?", "tty-no-input", _SEEN),
    _end_of_input(
        "end-seen-twice",
        "Two programs read to the end, 0x04 in the data: what does each get?",
        "tty-input-ends-twice",
        read.two_readers,
    ),
    _end_of_input(
        "script-on-input",
        "Does a shell run the script on its input, and end?",
        "tty-input-script",
        Says((("sum 2", "it does"),)),
        last_words=True,
    ),
)

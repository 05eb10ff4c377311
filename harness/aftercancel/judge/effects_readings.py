"""What an observation of a ``tty-`` job shows, in words. Pure, for ``effects``.

Each reading knows what its job prints, and says None where that is not there.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from aftercancel.judge.effects_bytes import changes, raw
from aftercancel.judge.effects_ends import without_answer
from aftercancel.judge.words import listed, visible
from aftercancel.model import Observation

_STREAMS = {"0": "stdin", "1": "stdout", "2": "stderr"}
_REDRAWN = re.compile(rb"\r(?!\n)")
"""A carriage return that begins no new line: the next text is written over this one."""


def streams(observation: Observation) -> str | None:
    """Where the job's stderr came out."""
    line = b"to stderr"
    if line in raw(observation.stderr):
        return "on stderr"
    return "on stdout" if line in raw(observation.stdout) else None


def client_words(observation: Observation) -> str | None:
    """What is on stderr that is not the job's."""
    if streams(observation) is None:
        return None
    lines = raw(observation.stderr).decode("utf-8", "replace").splitlines()
    others = [line for line in lines if line and line != "to stderr"]
    return listed([f"“{visible(line)}”" for line in others]) or "nothing"


@dataclass(frozen=True, slots=True)
class Output:
    """What became of bytes that the job printed, all of its stdout."""

    sent: bytes

    def __call__(self, observation: Observation) -> str | None:
        stdout = observation.stdout
        return None if stdout.cut else changes(self.sent, raw(stdout))


@dataclass(frozen=True, slots=True)
class OutputAmount:
    """How many of so many bytes of output arrived; the lab keeps only the first of them."""

    sent: int

    def __call__(self, observation: Observation) -> str:
        stdout = observation.stdout
        return f"{stdout.bytes + stdout.lost_bytes} of {self.sent} bytes"


@dataclass(frozen=True, slots=True)
class Received:
    """What became of bytes that the runner wrote to the job's input, told by the job in hex."""

    sent: bytes

    def __call__(self, observation: Observation) -> str | None:
        told = told_by(observation, "received")
        if told is None:
            return without_answer(observation)
        return changes(self.sent, bytes.fromhex(told))


@dataclass(frozen=True, slots=True)
class ReceivedAmount:
    """How many of so many bytes of input the job got."""

    sent: int

    def __call__(self, observation: Observation) -> str | None:
        told = told_by(observation, "bytes")
        return None if told is None else f"{told} of {self.sent} bytes"


@dataclass(frozen=True, slots=True)
class Told:
    """The rest of a line that the job prints about itself."""

    name: str

    def __call__(self, observation: Observation) -> str | None:
        return told_by(observation, self.name)


@dataclass(frozen=True, slots=True)
class Says:
    """Some words, where a text is in the output that only the job itself can have printed."""

    answers: tuple[tuple[str, str], ...]
    """The texts, each with what it means; the first that is there counts."""

    def __call__(self, observation: Observation) -> str | None:
        output = _everything(observation)
        return next((words for text, words in self.answers if text.encode() in output), None)


@dataclass(frozen=True, slots=True)
class Contains:
    """One of two words, by whether a text is in the output."""

    text: str
    there: str
    not_there: str
    beside: str
    """What the job prints in any case: without that, nothing follows from what is not there."""

    def __call__(self, observation: Observation) -> str | None:
        output = _everything(observation)
        if self.text.encode() in output:
            return self.there
        cut = observation.stdout.cut or observation.stderr.cut
        return self.not_there if self.beside.encode() in output and not cut else None


@dataclass(frozen=True, slots=True)
class Draws:
    """Whether one line of the output was drawn over another."""

    beside: str
    """What the job prints in any case."""

    def __call__(self, observation: Observation) -> str | None:
        output = _everything(observation)
        if self.beside.encode() not in output:
            return None
        return "it does" if _REDRAWN.search(output) else "it does not"


def _everything(observation: Observation) -> bytes:
    return raw(observation.stdout) + raw(observation.stderr)


def told_by(observation: Observation, name: str) -> str | None:
    """The rest of the job's line ``name: …``; a terminal may have echoed input in front of it."""
    pattern = rb"%b:([^\r\n]*)\r?\n" % re.escape(name.encode())
    found = re.findall(pattern, raw(observation.stdout))
    return visible(found[-1].decode("utf-8", "replace").strip()) if found else None


def terminals(observation: Observation) -> str | None:
    """Which of the three are terminals."""
    told = told_by(observation, "terminals")
    if told is None:
        return None
    return listed([_STREAMS[fd] for fd in told.split()]) or "none of the three"


def window(observation: Observation) -> str | None:
    """The size that the kernel has for the far terminal."""
    told = told_by(observation, "size")
    found = re.fullmatch(r"(\d+) (\d+)", told or "")
    return told if found is None else f"{found[1]} rows, {found[2]} columns"


def columns(observation: Observation) -> str | None:
    """How ``ls`` shows three names."""
    lines = [line.split() for line in raw(observation.stdout).splitlines()]
    if sorted(name for line in lines for name in line) != [b"alpha", b"beta", b"gamma"]:
        return None
    return "a name a line" if len(lines) == 3 else "several names a line"


def two_readers(observation: Observation) -> str | None:
    """What two programs got that both read the input to its end."""
    first, second = (told_by(observation, name) for name in ("first", "second"))
    if first is None or second is None:
        return None
    return f"the first {first} bytes, the second {second}"

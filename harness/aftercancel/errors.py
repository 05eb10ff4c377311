"""What can go wrong, as classes, and the exit status that each of them means.

::

    AftercancelError
    ├── CouldNotTell     2  measured, but without an answer; or the run was interrupted
    ├── UsageError       3  the command line or a name in it is wrong
    ├── ScenarioError    3  scenario files are wrong, every fault at once
    ├── MissingError     4  the machine lacks something that the lab needs
    │   └── ImageError   4  an image of the lab's cannot be made
    ├── RunnerError      2  a real runner does not do what it should: start, take a job, end it
    └── StorageError     4  results cannot be written or read

A message is made of complete sentences: what is wrong, where, and what to do next. A front door
prints it as it stands and exits with ``status``; nobody ever sees a traceback for one of these.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum
from typing import ClassVar


class ExitStatus(IntEnum):
    """The exit statuses of every command."""

    FINE = 0
    DIFFERS = 1
    """Behaviour differs from what was expected."""
    COULD_NOT_TELL = 2
    """Some cell is unknown, or the run was interrupted."""
    USAGE = 3
    """Usage or scenario error; selecting no cell is one."""
    MISSING = 4
    """The machine lacks something."""


class AftercancelError(Exception):
    """Anything that the lab has to say to a person instead of doing what was asked."""

    status: ClassVar[ExitStatus] = ExitStatus.COULD_NOT_TELL


class CouldNotTell(AftercancelError):
    """The lab did what it could, and there is no answer."""

    status = ExitStatus.COULD_NOT_TELL


class UsageError(AftercancelError):
    """What was asked for does not exist or makes no sense."""

    status = ExitStatus.USAGE


class MissingError(AftercancelError):
    """The machine lacks something: the message says what, why it matters and how to get it."""

    status = ExitStatus.MISSING


class ImageError(MissingError):
    """An image of the lab's cannot be made; the message says which step failed, and its last words."""


class RunnerError(AftercancelError):
    """A real runner, or its server, did not do what was asked; the message says what it said."""

    status = ExitStatus.COULD_NOT_TELL


class StorageError(AftercancelError):
    """Results cannot be written or read; the message says what was kept."""

    status = ExitStatus.MISSING


@dataclass(frozen=True, slots=True)
class Fault:
    """One mistake in a scenario file."""

    file: str
    line: int | None
    """From 1; None: the whole file."""
    problem: str
    hint: str = ""
    """What is allowed, the nearest spelling, what to do."""

    def __str__(self) -> str:
        place = self.file if self.line is None else f"{self.file}:{self.line}"
        return f"{place}: {self.problem}" + (f" {self.hint}" if self.hint else "")


class ScenarioError(AftercancelError):
    """Scenario files are wrong; ``faults`` has all of the mistakes, in the order of the files."""

    status = ExitStatus.USAGE

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults = tuple(sorted(faults, key=lambda fault: (fault.file, fault.line or 0)))
        super().__init__(str(self))

    def __str__(self) -> str:
        count = len(self.faults)
        mistakes = "1 mistake" if count == 1 else f"{count} mistakes"
        heading = f"The scenarios have {mistakes}; nothing was run."
        return "\n".join([heading, *(f"  {fault}" for fault in self.faults)])


def nearest(word: str, known: Iterable[str], limit: int = 3) -> tuple[str, ...]:
    """The known words spelt most like ``word``, the best first; for “Did you mean …?”."""
    return tuple(difflib.get_close_matches(word, list(known), n=limit, cutoff=0.5))


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """A sentence that offers the nearest spellings, or nothing where none is near."""
    found = nearest(word, known)
    return f"Did you mean {' or '.join(found)}?" if found else ""

"""What can happen to a process, as evidence of either kind says it.

Times are nanoseconds of CLOCK_MONOTONIC; ``tid`` is who did it or whom it happened to, in the
executor's PID namespace.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


@dataclass(frozen=True, slots=True)
class Forked:
    """A process or a thread was made by ``tid``."""

    at_ns: int
    tid: int
    child: int
    thread: bool


@dataclass(frozen=True, slots=True)
class Execed:
    """A process became another program; ``tid`` leads it from now on."""

    at_ns: int
    tid: int
    old_tid: int
    path: str


@dataclass(frozen=True, slots=True)
class ExitCalled:
    """exit_group(2) (``whole``) or exit(2) was called."""

    at_ns: int
    tid: int
    status: int
    whole: bool


@dataclass(frozen=True, slots=True)
class Exited:
    """A thread ended; its process has when it was the last one."""

    at_ns: int
    tid: int


@dataclass(frozen=True, slots=True)
class Called:
    """A system call that sends a signal was entered; ``target`` as the caller gave it."""

    at_ns: int
    tid: int
    call: str
    target: int
    signal: int


@dataclass(frozen=True, slots=True)
class Returned:
    """That system call came back; ``result`` is 0 or a negative errno."""

    at_ns: int
    tid: int
    result: int


@dataclass(frozen=True, slots=True)
class Generated:
    """A signal was made for ``target``, while ``tid`` ran (not always the sender)."""

    at_ns: int
    tid: int
    signal: int
    target: int
    by_kernel: bool
    ignored: bool


class Handler(Enum):
    """sa_handler at the moment of the delivery."""

    DEFAULT = 0
    IGNORED = 1
    CAUGHT = 2


@dataclass(frozen=True, slots=True)
class Delivered:
    """A signal reached ``tid``."""

    at_ns: int
    tid: int
    signal: int
    handler: Handler


@dataclass(frozen=True, slots=True)
class Marked:
    """A job wrote a mark; ``tid`` is None where the evidence cannot tell who."""

    at_ns: int
    tid: int | None
    text: str


Event = Forked | Execed | ExitCalled | Exited | Called | Returned | Generated | Delivered | Marked

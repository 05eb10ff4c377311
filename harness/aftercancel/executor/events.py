"""What can happen to a process, as evidence of either kind says it.

Times are nanoseconds of CLOCK_MONOTONIC; ``tid`` is who did it or whom it happened to, in the
executor's PID namespace. Named tuples, not frozen dataclasses: a job that floods makes some
100,000 in a second, and those take longer to make.
"""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple


class Forked(NamedTuple):
    """A process or a thread was made by ``tid``."""

    at_ns: int
    tid: int
    child: int
    thread: bool


class Execed(NamedTuple):
    """A process became another program; ``tid`` leads it from now on."""

    at_ns: int
    tid: int
    old_tid: int
    path: str


class ExitCalled(NamedTuple):
    """exit_group(2) (``whole``) or exit(2) was called."""

    at_ns: int
    tid: int
    status: int
    whole: bool


class Exited(NamedTuple):
    """A thread ended; its process has when it was the last one."""

    at_ns: int
    tid: int


class Called(NamedTuple):
    """A system call that sends a signal was entered; ``target`` as the caller gave it."""

    at_ns: int
    tid: int
    call: str
    target: int
    signal: int


class Returned(NamedTuple):
    """That system call came back; ``result`` is 0 or a negative errno."""

    at_ns: int
    tid: int
    result: int


class Generated(NamedTuple):
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


class Delivered(NamedTuple):
    """A signal reached ``tid``."""

    at_ns: int
    tid: int
    signal: int
    handler: Handler


class Marked(NamedTuple):
    """A job wrote a mark; ``tid`` is None where the evidence cannot tell who."""

    at_ns: int
    tid: int | None
    text: str


Event = Forked | Execed | ExitCalled | Exited | Called | Returned | Generated | Delivered | Marked

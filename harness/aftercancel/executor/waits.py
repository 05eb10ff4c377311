"""Will a blocked process go on by itself, and when? /proc/PID/syscall tells what it waits in.

A process that sleeps for three seconds in the middle of its clean-up looks like one that is blocked
for good; the difference is the timeout that it gave to the kernel. Where it cannot be read (no
such file, another architecture, a call that was restarted), silence must do.
"""

from __future__ import annotations

import os
import struct
import time
from dataclasses import dataclass
from enum import Enum


class Unit(Enum):
    """How a system call takes its timeout."""

    MILLISECONDS = "milliseconds"  # an int; negative: none
    TIMESPEC = "timespec"  # a pointer; null: none
    TIMEVAL = "timeval"


@dataclass(frozen=True, slots=True)
class _Timeout:
    argument: int
    unit: Unit


# Numbers from the kernel's syscall tables; arguments from each call's man page.
_CALLS = {
    "x86_64": {
        7: _Timeout(2, Unit.MILLISECONDS),  # poll
        23: _Timeout(4, Unit.TIMEVAL),  # select
        35: _Timeout(0, Unit.TIMESPEC),  # nanosleep
        128: _Timeout(2, Unit.TIMESPEC),  # rt_sigtimedwait
        202: _Timeout(3, Unit.TIMESPEC),  # futex
        230: _Timeout(2, Unit.TIMESPEC),  # clock_nanosleep
        232: _Timeout(3, Unit.MILLISECONDS),  # epoll_wait
        270: _Timeout(4, Unit.TIMESPEC),  # pselect6
        271: _Timeout(2, Unit.TIMESPEC),  # ppoll
        281: _Timeout(3, Unit.MILLISECONDS),  # epoll_pwait
    },
    "aarch64": {
        22: _Timeout(3, Unit.MILLISECONDS),  # epoll_pwait
        72: _Timeout(4, Unit.TIMESPEC),  # pselect6
        73: _Timeout(2, Unit.TIMESPEC),  # ppoll
        98: _Timeout(3, Unit.TIMESPEC),  # futex
        101: _Timeout(0, Unit.TIMESPEC),  # nanosleep
        115: _Timeout(2, Unit.TIMESPEC),  # clock_nanosleep
        137: _Timeout(2, Unit.TIMESPEC),  # rt_sigtimedwait
    },
}.get(os.uname().machine, {})
_CLOCK_NANOSLEEP = frozenset({115, 230})
_FUTEX = frozenset({98, 202})
_TIMER_ABSTIME = 1  # clock_nanosleep(2), the flags
_FUTEX_COMMAND, _FUTEX_WAIT_BITSET, _FUTEX_CLOCK_REALTIME = 0x7F, 9, 0x100  # futex(2)
_WORDS = struct.Struct("=qq")


def timeout_s(pid: int) -> float | None:
    """How long at most until one of its threads goes on by itself, in seconds.

    The shortest timeout that was given to the call; how much of it is over is not known.

    None: they wait for something else than time, or it cannot be told.
    """
    try:
        threads = os.listdir(f"/proc/{pid}/task")
    except OSError:
        return None
    found = [_thread_timeout_s(pid, tid) for tid in threads]
    return min((seconds for seconds in found if seconds is not None), default=None)


def _thread_timeout_s(pid: int, tid: str) -> float | None:
    try:
        with open(f"/proc/{pid}/task/{tid}/syscall", encoding="ascii") as file:
            words = file.read().split()
        if len(words) < 7 or not words[0].isdigit():
            return None  # "running", or blocked outside a system call (proc(5))
        number, arguments = int(words[0]), [int(word, 16) for word in words[1:7]]
        call = _CALLS.get(number)
        if call is None:
            return None
        seconds = _seconds(pid, arguments[call.argument], call.unit)
        clock = _absolute_clock(number, arguments)
        return seconds if seconds is None or clock is None else seconds - time.clock_gettime(clock)
    except OSError:
        return None


def _absolute_clock(number: int, arguments: list[int]) -> int | None:
    """The clock that a deadline is a moment of; None: it is a duration."""
    if number in _CLOCK_NANOSLEEP and arguments[1] & _TIMER_ABSTIME:
        return arguments[0]
    if number in _FUTEX and arguments[1] & _FUTEX_COMMAND == _FUTEX_WAIT_BITSET:
        realtime = arguments[1] & _FUTEX_CLOCK_REALTIME
        return time.CLOCK_REALTIME if realtime else time.CLOCK_MONOTONIC
    return None


def _seconds(pid: int, argument: int, unit: Unit) -> float | None:
    if unit is Unit.MILLISECONDS:
        milliseconds = argument & 0xFFFFFFFF
        return None if milliseconds & 0x80000000 else milliseconds / 1000
    if argument == 0:
        return None
    with open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:
        memory.seek(argument)
        seconds, fraction = _WORDS.unpack(memory.read(_WORDS.size))
    return float(seconds + fraction / (1e9 if unit is Unit.TIMESPEC else 1e6))

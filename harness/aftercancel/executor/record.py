"""A cell's history as an observation: names for numbers, milliseconds from the cancellation."""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import assert_never

from aftercancel.executor.events import Handler
from aftercancel.executor.history import History
from aftercancel.executor.lives import ProcessHistory, SignalHistory
from aftercancel.executor.procfs import signal_name
from aftercancel.model import (
    Disposition,
    End,
    Evidence,
    Mark,
    Process,
    Sent,
    Signal,
)

_KERNEL_STARTS = {"INT", "QUIT", "TSTP", "HUP", "CONT", "WINCH", "TTIN", "TTOU"}
"""What a terminal sends of its own (termios(3), tty_ioctl(4))."""
_SEVERAL = 8
_IGNORED_BY_DEFAULT = {"CHLD", "CONT", "URG", "WINCH"}


def milliseconds(zero_ns: int) -> Callable[[int], float]:
    """A function from CLOCK_MONOTONIC nanoseconds to milliseconds from ``zero_ns``."""
    return lambda at_ns: round((at_ns - zero_ns) / 1e6, 3)


def processes(
    history: History, evidence: Evidence, users: dict[int, str], zero_ns: int
) -> tuple[Process, ...]:
    """Every process of the cell, the runner first."""
    ms = milliseconds(zero_ns)
    return tuple(_process(p, evidence, users, ms) for p in history.recorded())


def _process(
    p: ProcessHistory, evidence: Evidence, users: dict[int, str], ms: Callable[[int], float]
) -> Process:
    look = p.at_fire or p.last
    return Process(
        key=p.key,
        role=p.role,
        program=p.program,
        argv=p.argv,
        user=users.get(look.uid, str(look.uid)) if look else "",
        parent=p.parent.key if p.parent else None,
        pid=look.inner_pid if look else None,
        group=look.inner_group if look else None,
        session=look.inner_session if look else None,
        terminal=look.terminal if look else None,
        dispositions=p.at_fire.dispositions if p.at_fire else None,
        started_ms=ms(p.started_ns),
        ended_ms=None if p.ended_ns is None else ms(p.ended_ns),
        end=_end(p, evidence),
        doomed_ms=None if p.doomed_ns is None else ms(p.doomed_ns),
        far=p.far,
        of_engine=p.of_engine,
    )


def _end(p: ProcessHistory, evidence: Evidence) -> End | None:
    if p.ended_ns is None:
        return None
    if evidence is Evidence.PROC:
        return End()
    if p.fatal_signal is not None:
        return End(signal=signal_name(p.fatal_signal))
    return End(status=p.exit_status)


def signals(history: History, zero_ns: int) -> tuple[Signal, ...]:
    """Every signal that was generated for a process of the cell, and every refused call."""
    ms = milliseconds(zero_ns)
    keys = {p.key for p in history.recorded()}
    told = [_signal(s, ms) for s in history.signals if s.receiver is None or s.receiver.key in keys]
    return tuple(_shortened(told))


def _shortened(told: list[Signal]) -> Iterator[Signal]:
    """With one for all where a process sends itself the same again and again.

    Buildkite's agent 3.62.0 puts ``trap 'kill -- $$' INT TERM QUIT`` before the job's command, and
    a bash that gets TERM sends itself thousands of them there, until its stack is full.
    """
    same: dict[tuple[object, ...], list[Signal]] = {}
    for s in told:
        if s.sender is not None and s.sender == s.receiver:
            same.setdefault((s.sender, s.signal, s.call, s.disposition), []).append(s)
    many = {id(s): found for found in same.values() if len(found) > _SEVERAL for s in found}
    for s in told:
        if id(s) not in many:
            yield s
        elif many[id(s)][0] is s:
            yield replace(s, times=len(many[id(s)]))


def _signal(s: SignalHistory, ms: Callable[[int], float]) -> Signal:
    name = signal_name(s.signal)
    return Signal(
        at_ms=ms(s.at_ns),
        signal=name,
        sender=None if s.sender is None or s.sender.of_the_sandbox else s.sender.key,
        sender_role=s.sender_role,
        receiver=s.receiver.key if s.receiver else None,
        receiver_role=s.receiver_role,
        to=_addressed(s),
        call=s.call or _caller(s, name),
        disposition=_disposition(s, name),
        delivered_ms=None if s.delivered_ns is None else ms(s.delivered_ns),
        error=None if s.error is None else errno.errorcode.get(s.error, str(s.error)),
    )


def _caller(s: SignalHistory, name: str) -> str:
    look = None
    if s.receiver is not None:
        look = s.receiver.at_fire or s.receiver.last
    on_terminal = look is not None and look.terminal is not None
    return "terminal" if s.by_kernel and on_terminal and name in _KERNEL_STARTS else "kernel"


def _addressed(s: SignalHistory) -> Sent:
    if s.call is None or s.target is None:
        return Sent.KERNEL
    if s.call in ("tkill", "tgkill", "rt_tgsigqueueinfo"):
        return Sent.THREAD
    if s.call == "kill" and s.target == -1:
        return Sent.EVERYBODY
    if s.call == "kill" and s.target <= 0:
        return Sent.GROUP
    return Sent.PROCESS


def _disposition(s: SignalHistory, name: str) -> Disposition:
    match s.handler:
        case Handler.CAUGHT:
            return Disposition.CAUGHT
        case Handler.DEFAULT:
            return Disposition.DEFAULT
        case Handler.IGNORED:
            return Disposition.IGNORED
        case None:
            return _undelivered(s, name)
        case _:
            assert_never(s.handler)


def _undelivered(s: SignalHistory, name: str) -> Disposition:
    if s.receiver is None or s.receiver.dying(s.at_ns) or not s.ignored:
        # The kernel drops what is sent to a dying process, and calls that ignored as well.
        return Disposition.PENDING
    if name in _IGNORED_BY_DEFAULT:
        look = s.receiver.at_fire or s.receiver.last
        if look is None or name not in look.dispositions.ignored:
            return Disposition.DEFAULT
    return Disposition.IGNORED


def marks(history: History, zero_ns: int) -> tuple[Mark, ...]:
    """What the job wrote about itself."""
    ms = milliseconds(zero_ns)
    keys = {p.key for p in history.recorded()}
    # Another run of the same job, or the next one, says the same words.
    return tuple(
        Mark(ms(m.at_ns), m.role, m.text)
        for m in history.marks
        if m.writer is None or m.writer.key in keys
    )

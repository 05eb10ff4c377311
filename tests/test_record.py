"""What a history becomes in a cell's record."""

from __future__ import annotations

import signal
from dataclasses import dataclass, field
from typing import cast

from aftercancel.executor.events import Handler
from aftercancel.executor.history import History
from aftercancel.executor.lives import ProcessHistory, SignalHistory
from aftercancel.executor.record import signals
from aftercancel.model import Sent, Signal

SEVERAL = 20


@dataclass
class Told:
    """A history, as far as the record of its signals asks for it."""

    processes: list[ProcessHistory]
    signals: list[SignalHistory] = field(default_factory=list)

    def recorded(self) -> list[ProcessHistory]:
        return self.processes


def process(key: int, role: str) -> ProcessHistory:
    return ProcessHistory(
        key=key,
        pid=100 + key,
        parent=None,
        role=role,
        inherited=None,
        role_variable=None,
        program=role,
        argv=(),
        started_ns=0,
    )


JOB, CHILD = process(1, "job"), process(2, "child")


def sent(
    at_ms: int,
    by: ProcessHistory,
    to: ProcessHistory,
    number: int = signal.SIGTERM,
    handler: Handler | None = Handler.CAUGHT,
) -> SignalHistory:
    return SignalHistory(
        at_ns=at_ms * 1_000_000,
        signal=number,
        sender=by,
        sender_role=by.role,
        receiver=to,
        receiver_role=to.role,
        call="kill",
        target=to.pid,
        by_kernel=False,
        ignored=False,
        delivered_ns=at_ms * 1_000_000,
        handler=handler,
    )


def recorded(*told: SignalHistory) -> tuple[Signal, ...]:
    return signals(cast(History, Told([JOB, CHILD], list(told))), 0)


def test_a_signal_is_told_once_with_its_sender_and_its_moment() -> None:
    (only,) = recorded(sent(5, JOB, CHILD))
    assert (only.at_ms, only.signal, only.sender, only.receiver) == (5.0, "TERM", 1, 2)
    assert (only.to, only.times) == (Sent.PROCESS, 1)


def test_what_a_process_sends_itself_again_and_again_becomes_one_with_how_often() -> None:
    (only,) = recorded(*(sent(at, JOB, JOB) for at in range(SEVERAL)))
    assert (only.times, only.at_ms, only.delivered_ms) == (SEVERAL, 0.0, 0.0)


def test_a_few_that_it_sends_itself_are_told_each() -> None:
    assert [s.times for s in recorded(*(sent(at, JOB, JOB) for at in range(3)))] == [1, 1, 1]


def test_what_one_sends_another_is_told_each_time_however_often() -> None:
    told = recorded(*(sent(at, JOB, CHILD) for at in range(SEVERAL)))
    assert [s.at_ms for s in told] == list(range(SEVERAL))
    assert {s.times for s in told} == {1}


def test_each_process_s_own_are_counted_for_themselves() -> None:
    told = recorded(
        *(sent(at, JOB, JOB) for at in range(SEVERAL)), *(sent(at, CHILD, CHILD) for at in (1, 2))
    )
    assert [(s.sender, s.times) for s in told] == [(1, SEVERAL), (2, 1), (2, 1)]


def test_different_signals_to_itself_are_counted_for_themselves() -> None:
    told = recorded(
        *(sent(at, JOB, JOB) for at in range(SEVERAL)),
        *(sent(at, JOB, JOB, signal.SIGINT) for at in range(SEVERAL, 2 * SEVERAL)),
    )
    assert [(s.signal, s.times) for s in told] == [("TERM", SEVERAL), ("INT", SEVERAL)]


def test_the_last_one_that_met_something_else_is_still_told() -> None:
    told = recorded(
        *(sent(at, JOB, JOB) for at in range(SEVERAL)),
        sent(SEVERAL, JOB, JOB, signal.SIGTERM, Handler.DEFAULT),
    )
    assert [(s.disposition.value, s.times) for s in told] == [("caught", SEVERAL), ("default", 1)]


def test_one_for_many_stands_where_the_first_of_them_did() -> None:
    among = sent(3, CHILD, JOB, signal.SIGINT)
    told = recorded(sent(0, CHILD, JOB), *(sent(at, JOB, JOB) for at in range(1, SEVERAL)), among)
    assert [(s.sender, s.times) for s in told] == [(2, 1), (1, SEVERAL - 1), (2, 1)]

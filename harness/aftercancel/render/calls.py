"""Signals by the call that made them: one kill(2) may signal a whole group."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from aftercancel.judge import facts
from aftercancel.model import Observation, Process, Sent, Signal

_ONE_CALL_MS = 1.0
"""A call that signals a group makes its signals within this time."""

Call = tuple[Signal, ...]
Place = tuple[bool, str | None]
"""A terminal: on the other host, and its name there."""


def calls(signals: Iterable[Signal], processes: Mapping[int, Process]) -> Iterator[Call]:
    """Each call with its signals, in the order of time."""
    call: list[Signal] = []
    for signal in sorted(signals, key=lambda s: s.at_ms):
        if call and not _same_call(call[0], signal, processes):
            yield tuple(call)
            call = []
        call.append(signal)
    if call:
        yield tuple(call)


def place(signal: Signal, processes: Mapping[int, Process]) -> Place | None:
    """The terminal that sent the signal; None: a terminal did not."""
    if signal.to is not Sent.KERNEL or signal.call != "terminal" or signal.receiver is None:
        return None
    receiver = processes.get(signal.receiver)
    return None if receiver is None else (receiver.far, receiver.terminal)


def _same_call(one: Signal, other: Signal, processes: Mapping[int, Process]) -> bool:
    return (
        (one.sender, one.sender_role, one.signal, one.to, one.call)
        == (other.sender, other.sender_role, other.signal, other.to, other.call)
        and one.to in (Sent.GROUP, Sent.EVERYBODY, Sent.KERNEL)
        and other.at_ms - one.at_ms < _ONE_CALL_MS
        and place(one, processes) == place(other, processes)
    )


def terminal(found: Place, given: Place) -> str:
    """A terminal by name, where it is not the one that the runner gave the job."""
    if found == given:
        return "the terminal"
    far, name = found
    return f"terminal {name or 'unknown'}{' on the other host' if far else ''}"


def given_terminal(observation: Observation) -> Place:
    """The terminal that the runner gave to what it started, if it gave one."""
    first = facts.first_process(observation)
    return (False, None if first is None else first.terminal)

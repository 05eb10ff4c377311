"""What happened in a cell, each thing in words a person can follow."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from aftercancel.judge import facts
from aftercancel.judge.words import ended, listed, visible, who
from aftercancel.model import Disposition, Observation, Process, Sent, Signal

_ONE_CALL_MS = 1.0
"""A call that signals a group makes its signals within this time."""

_MET = {
    Disposition.CAUGHT: "catches it",
    Disposition.IGNORED: "ignores it",
    Disposition.PENDING: "never gets it",
}


@dataclass(frozen=True, slots=True)
class Happening:
    """Something that happened, in milliseconds from the cancellation."""

    at_ms: float
    what: str


def happenings(observation: Observation) -> list[Happening]:
    """Everything, in the order of time."""
    return sorted(_unordered(observation), key=lambda happening: happening.at_ms)


def _unordered(observation: Observation) -> Iterator[Happening]:
    processes = {p.key: p for p in observation.processes}
    yield from _moments(observation)
    for process in facts.of_the_job(observation):
        parent = processes.get(process.parent) if process.parent is not None else None
        starter = "somebody" if parent is None else visible(parent.role)
        yield Happening(process.started_ms, f"{starter} starts {who(process)}")
        if process.ended_ms is not None:
            yield Happening(process.ended_ms, f"{visible(process.role)} {ended(process.end)}")
    for call in _calls(observation):
        yield Happening(call[0].at_ms, _called(call, processes))
    for mark in observation.marks:
        writer = "somebody" if mark.role is None else visible(mark.role)
        yield Happening(mark.at_ms, f"{writer} says “{visible(mark.name)}”")


def _moments(observation: Observation) -> Iterator[Happening]:
    if observation.armed_ms is not None:
        yield Happening(observation.armed_ms, "— armed")
    for fired in observation.fired:
        error = f": {fired.error}" if fired.error else ""
        yield Happening(fired.at_ms, f"— the cancellation: {visible(fired.what)}{error}")
    report = observation.report
    if report is not None:
        saw = f"the job {ended(report.end)}"
        yield Happening(report.at_ms, f"— the runner reports: {report.said} ({saw})")
    if observation.decided is not None and observation.decided_ms is not None:
        yield Happening(observation.decided_ms, f"— decided: {observation.decided}")


def _calls(observation: Observation) -> Iterator[list[Signal]]:
    """Signals by the call that made them: one call may signal a whole group."""
    call: list[Signal] = []
    for signal in sorted(observation.signals, key=lambda s: s.at_ms):
        if signal.signal == "CHLD" and signal.to is Sent.KERNEL:
            continue
        if call and not _same_call(call[0], signal):
            yield call
            call = []
        call.append(signal)
    if call:
        yield call


def _same_call(one: Signal, other: Signal) -> bool:
    return (
        (one.sender, one.signal, one.to, one.call)
        == (other.sender, other.signal, other.to, other.call)
        and one.to in (Sent.GROUP, Sent.EVERYBODY, Sent.KERNEL)
        and other.at_ms - one.at_ms < _ONE_CALL_MS
    )


def _called(call: list[Signal], processes: dict[int, Process]) -> str:
    first = call[0]
    effects = listed([_effect(signal, processes) for signal in call], most=12)
    if first.to is Sent.KERNEL:
        source = "the terminal" if first.call == "terminal" else "the kernel"
        return f"{source} sends {first.signal}: {effects}"
    sender = visible(first.sender_role)
    addressed = {Sent.GROUP: " to the group", Sent.EVERYBODY: " to everybody"}.get(first.to, "")
    return f"{sender} sends {first.signal}{addressed} ({visible(first.call)}): {effects}"


def _effect(signal: Signal, processes: dict[int, Process]) -> str:
    """What one signal did to its receiver."""
    to_itself = signal.sender is not None and signal.sender == signal.receiver
    receiver = f"{visible(signal.receiver_role)}{' (itself)' if to_itself else ''}"
    if signal.error is not None:
        return f"{receiver} is not reached, {signal.error}"
    if signal.disposition is not Disposition.DEFAULT:
        return f"{receiver} {_MET[signal.disposition]}"
    if signal.signal in facts.STOPPING:
        return f"{receiver} is stopped by it"
    if not facts.ends_by_default(signal):
        return f"{receiver} takes no notice (default)"
    process = processes.get(signal.receiver) if signal.receiver is not None else None
    died = process is not None and process.end is not None and process.end.signal == signal.signal
    return f"{receiver} dies of it (default)" if died else f"{receiver} has the default for it"

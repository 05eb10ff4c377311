"""What happened in a cell, each thing in words a person can follow."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from aftercancel.judge import facts
from aftercancel.judge.sentences import Sentences, death_sentences
from aftercancel.judge.words import ended, listed, visible, who
from aftercancel.model import Disposition, Fired, Observation, Process, Sent, Signal
from aftercancel.render.calls import Call, Place, calls, given_terminal, place, terminal

_MET = {
    Disposition.CAUGHT: "catches it",
    Disposition.IGNORED: "ignores it",
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
        unknown = "the other host's server" if process.far else "somebody"
        starter = unknown if parent is None else visible(parent.role)
        yield Happening(process.started_ms, f"{starter} starts {who(process)}")
        if process.ended_ms is not None:
            yield Happening(process.ended_ms, f"{visible(process.role)} {ended(process.end)}")
    told = (s for s in observation.signals if not facts.of_no_interest(s))
    given, sentences = given_terminal(observation), death_sentences(observation)
    for call in calls(told, processes):
        yield Happening(call[0].at_ms, _called(call, processes, given, sentences))
    for mark in observation.marks:
        writer = "somebody" if mark.role is None else visible(mark.role)
        yield Happening(mark.at_ms, f"{writer} says “{visible(mark.name)}”")


def _moments(observation: Observation) -> Iterator[Happening]:
    if observation.armed_ms is not None:
        yield Happening(observation.armed_ms, "— armed")
    for fired in observation.fired:
        yield Happening(fired.at_ms, f"— the cancellation: {_fired(fired)}")
    report = observation.report
    if report is not None:
        # A real runner's own words say more than what can be told of the end by them.
        saw = visible(report.words) or f"{_reported(observation)} {ended(report.end)}"
        yield Happening(report.at_ms, f"— the runner reports: {report.said} ({saw})")
    yield from _further(observation)
    if observation.decided is not None and observation.decided_ms is not None:
        yield Happening(observation.decided_ms, f"— decided: {observation.decided}")


def _further(observation: Observation) -> Iterator[Happening]:
    """What became of the jobs that waited in the runner's queue."""
    for at_ms in observation.again_ms:
        yield Happening(
            at_ms, "— the runner runs the same job once more; that run is left out here"
        )
    for number, queued in enumerate(observation.queued, 1):
        if queued.started_ms is not None:
            yield Happening(queued.started_ms, f"— waiting job {number} starts")
        elif observation.decided_ms is not None:
            known = "still waits" if queued.listed else "is not known to the runner any more"
            yield Happening(observation.decided_ms, f"— waiting job {number} {known}")


def _fired(fired: Fired) -> str:
    if fired.error is None:
        return visible(fired.what)
    refused = fired.error == facts.NOT_PERMITTED
    return f"{visible(fired.what)}: {f'refused ({fired.error})' if refused else fired.error}"


def _reported(observation: Observation) -> str:
    """Whose end the runner reports: that of what it started, and that may be a launcher."""
    first = facts.first_process(observation)
    if first is None or first is facts.job_process(observation):
        return "the job"
    return visible(first.role)


def _called(call: Call, processes: dict[int, Process], given: Place, sentences: Sentences) -> str:
    first = call[0]
    effects = listed([_effect(signal, processes, sentences) for signal in call], most=12)
    if first.to is Sent.KERNEL:
        found = place(first, processes)
        source = "the kernel" if found is None else visible(terminal(found, given))
        return f"{source} sends {first.signal}: {effects}"
    sender = visible(first.sender_role)
    addressed = {Sent.GROUP: " to the group", Sent.EVERYBODY: " to everybody"}.get(first.to, "")
    often = f", {first.times:,} times" if first.times > 1 else ""
    return f"{sender} sends {first.signal}{addressed} ({visible(first.call)}{often}): {effects}"


def _effect(signal: Signal, processes: dict[int, Process], sentences: Sentences) -> str:
    """What one signal did to its receiver."""
    to_itself = signal.sender is not None and signal.sender == signal.receiver
    receiver = f"{visible(signal.receiver_role)}{' (itself)' if to_itself else ''}"
    if signal.error is not None:
        return _failed(receiver, signal.error)
    process = processes.get(signal.receiver) if signal.receiver is not None else None
    if signal.disposition is Disposition.PENDING:
        return f"{receiver} {_not_delivered(signal, process, sentences)}"
    if signal.disposition is Disposition.DEFAULT:
        return f"{receiver} {_by_default(signal, process)}"
    return f"{receiver} {_MET[signal.disposition]}"


def _failed(receiver: str, error: str) -> str:
    gone = error == "ESRCH"
    return f"{receiver} is not there ({error})" if gone else f"{receiver} is not reached, {error}"


def _by_default(signal: Signal, process: Process | None) -> str:
    if signal.signal in facts.STOPPING:
        return "is stopped by it"
    if not facts.ends_by_default(signal):
        return "takes no notice (default)"
    died = process is not None and process.end is not None and process.end.signal == signal.signal
    return "dies of it (default)" if died else "has the default for it"


def _not_delivered(signal: Signal, process: Process | None, sentences: Sentences) -> str:
    if process is None:
        return "never gets it"
    if facts.blocks(process, signal):
        return "blocks it"
    if sentences.waited_for(process, signal):
        return "takes it, having waited for it"
    return "is dying already" if sentences.was_dying(process, signal) else "never gets it"

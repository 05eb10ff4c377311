"""What outcome and fingerprint both need to know of an observation. Pure, and no verdict yet."""

from __future__ import annotations

from collections.abc import Iterable

from aftercancel.model import (
    Disposition,
    End,
    Evidence,
    Mark,
    Observation,
    Process,
    Processes,
    Sent,
    Signal,
)

MARGIN_MS = 100.0
"""How long a process may outlive the report and still count as gone by then.

No fixture comes near from the other side: a clean-up takes either nothing or 200 ms and more.
"""

RUNNER_KEY = 0
JOB = "job"
KERNEL = "kernel"

STOPPING = frozenset({"STOP", "TSTP", "TTIN", "TTOU"})
_HARMLESS = frozenset({"CHLD", "CONT", "URG", "WINCH"})


def cancelled(observation: Observation) -> bool:
    """Whether the cell has a cancellation at all: ``end`` leaves the job to its own end."""
    return observation.cell.rsplit("/", 1)[-1] != "end"


def since_ms(observation: Observation) -> float:
    """From when on things are an effect of the cancellation; for ``end`` everything counts."""
    if not observation.fired:
        return float("-inf")
    return min(0.0, observation.fired[0].at_ms)


def of_the_job(observation: Observation) -> tuple[Process, ...]:
    """Every process but the runner."""
    return tuple(p for p in observation.processes if p.key != RUNNER_KEY)


def job_process(observation: Observation) -> Process | None:
    """The process that the runner started."""
    processes = of_the_job(observation)
    return next((p for p in processes if p.role == JOB), processes[0] if processes else None)


def doomed_ms(process: Process) -> float | None:
    """When its death was certain; a signal that it blocked had to wait, and it worked on."""
    signal = process.end.signal if process.end is not None else None
    blocked = process.dispositions.blocked if process.dispositions is not None else ()
    return None if signal in blocked else process.doomed_ms


def fate(process: Process, observation: Observation) -> Processes:
    """What became of one process: gone, late or orphaned, as of the runner's report.

    A process that has its death sentence works no longer, however long the kernel takes to
    carry it out; so the sentence counts where there was one, else the end.
    """
    if process.ended_ms is None:
        return Processes.ORPHANED
    if observation.report is None:
        return Processes.GONE
    limit = observation.report.at_ms + MARGIN_MS
    doomed = doomed_ms(process)
    worked_until = process.ended_ms if doomed is None else min(doomed, process.ended_ms)
    if worked_until <= limit:
        return Processes.GONE
    if observation.evidence is Evidence.PROC:
        return _by_proc(process, observation)
    return Processes.LATE


def _by_proc(process: Process, observation: Observation) -> Processes:
    """What /proc knows of a process that it last saw after the report.

    It looks now and then, so even the end that it saw may have come earlier; and it does not see
    death sentences. But the runner is the parent of the job's first process.
    """
    if observation.report is not None and observation.report.end != End():
        job = job_process(observation)
        if job is not None and process.key == job.key:
            return Processes.GONE
    return Processes.UNKNOWN


def effects(observation: Observation) -> tuple[Signal, ...]:
    """The signals from the cancellation on that somebody could care about.

    A SIGCHLD for every child that ends, and the SIGURG with which a Go program preempts its own
    threads, say nothing that the processes do not say better.
    """
    since = since_ms(observation)
    until = observation.decided_ms if observation.decided_ms is not None else float("inf")
    return tuple(
        s
        for s in observation.signals
        if since <= s.at_ms <= until
        and not (s.signal == "CHLD" and s.to is Sent.KERNEL)
        and not (s.signal == "URG" and s.sender is not None and s.sender == s.receiver)
    )


def by_receiver(observation: Observation) -> dict[int | None, list[Signal]]:
    """The same by the keys of those who received them; None: whom nobody received."""
    found: dict[int | None, list[Signal]] = {}
    for signal in effects(observation):
        found.setdefault(signal.receiver, []).append(signal)
    return found


def ends_by_default(signal: Signal) -> bool:
    """Whether it met the default disposition and so ended its receiver (signal(7))."""
    return (
        signal.disposition is Disposition.DEFAULT
        and signal.error is None
        and signal.signal not in _HARMLESS
        and signal.signal not in STOPPING
    )


def notable(signal: Signal) -> bool:
    """Whether it explains anything: not one that does nothing unless it is caught."""
    return signal.signal not in _HARMLESS or signal.disposition is Disposition.CAUGHT


def cause_of_death(process: Process, sent: Iterable[Signal]) -> Signal | None:
    """The signal that ended the process, among those ``sent`` to it, where it is known."""
    if process.end is None or process.end.signal is None:
        return None
    return next((s for s in sent if s.signal == process.end.signal and ends_by_default(s)), None)


def marks_since(observation: Observation) -> tuple[Mark, ...]:
    """What the job said from the cancellation on, in order."""
    since = since_ms(observation)
    return tuple(sorted((m for m in observation.marks if m.at_ms >= since), key=lambda m: m.at_ms))

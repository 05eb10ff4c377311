"""What outcome and fingerprint both need to know of an observation. Pure, and no verdict yet."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterable
from functools import wraps
from typing import TypeVar

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

NO_SUCH_PROCESS = os.strerror(errno.ESRCH)
NOT_PERMITTED = os.strerror(errno.EPERM)
"""How a step of the cancellation failed, as the runner words it."""

RUNNER_KEY = 0
LABS_OWN = "plain"
"""How the ids of the lab's own runners begin."""
JOB = "job"
KERNEL = "kernel"

ByReceiver = dict[int | None, list[Signal]]
"""Signals by the keys of those who received them; None: whom nobody received."""

Found = TypeVar("Found")


def remembered(ask: Callable[[Observation], Found]) -> Callable[[Observation], Found]:
    """The question, answered once for the observation that was asked about last.

    Judges ask the same of one observation many times, and then go on to the next. Nobody changes
    what they are given.
    """
    last: tuple[Observation, Found] | None = None

    @wraps(ask)
    def answer(observation: Observation) -> Found:
        nonlocal last
        # In one step, so that another thread sees both or neither.
        known = last
        if known is None or known[0] is not observation:
            known = last = (observation, ask(observation))
        return known[1]

    return answer


STOPPING = frozenset({"STOP", "TSTP", "TTIN", "TTOU"})
_HARMLESS = frozenset({"CHLD", "CONT", "URG", "WINCH"})


def cancelled(observation: Observation) -> bool:
    """Whether the cell has a cancellation at all: ``end`` leaves the job to its own end."""
    return observation.cell.rsplit("/", 1)[-1] != "end"


def over_before(observation: Observation) -> bool:
    """Whether the runner had taken the job for over before it was told to cancel it.

    What it had started was gone then, though the job was running: a launcher that steps aside.
    """
    job, report = job_process(observation), observation.report
    if job is None or report is None or observation.armed_ms is None:
        return False
    before = not observation.fired or report.at_ms < since_ms(observation)
    outlived = job.ended_ms is None or job.ended_ms > report.at_ms
    # One that lives cannot be what ended: its launcher was gone before /proc was looked at.
    launched = job is not first_process(observation) or job.ended_ms is None
    return cancelled(observation) and before and outlived and launched


@remembered
def since_ms(observation: Observation) -> float:
    """From when on things are an effect of the cancellation; for ``end`` everything counts."""
    if not observation.fired:
        return float("-inf")
    return min(0.0, observation.fired[0].at_ms)


@remembered
def of_the_job(observation: Observation) -> tuple[Process, ...]:
    """Every process but the runner, and but what a container engine has round a container."""
    return tuple(p for p in observation.processes if p.key != RUNNER_KEY and not p.of_engine)


@remembered
def first_process(observation: Observation) -> Process | None:
    """The process that the runner started for the job: itself, its launcher, the runner's shell."""
    processes = of_the_job(observation)
    job = next((p for p in processes if p.role == JOB), None)
    if job is not None:
        # A real runner starts others too, before the job and after it.
        highest = (job, *above(job, observation))[-1]
        if highest.parent == RUNNER_KEY:
            return highest
    started = (p for p in processes if p.parent == RUNNER_KEY)
    return next(started, processes[0] if processes else None)


@remembered
def job_process(observation: Observation) -> Process | None:
    """The job itself, wherever a launcher started it; else what the runner started."""
    processes = of_the_job(observation)
    return next((p for p in processes if p.role == JOB), first_process(observation))


def above(process: Process, observation: Observation) -> tuple[Process, ...]:
    """Its ancestors without the runner, the nearest first."""
    by_key = {p.key: p for p in of_the_job(observation)}
    found: list[Process] = []
    while process.parent in by_key and by_key[process.parent] not in found:
        process = by_key[process.parent]
        found.append(process)
    return tuple(found)


def has_role(process: Process) -> bool:
    """Whether somebody named it, so that it is meant to be there and to live for a while."""
    return process.role != process.program and not process.role.endswith(":fork")


@remembered
def launchers(observation: Observation) -> frozenset[int]:
    """Keys of what is neither the job nor below it: launchers, and servers on the other host."""
    job = job_process(observation)
    children: dict[int | None, list[int]] = {}
    for process in of_the_job(observation):
        children.setdefault(process.parent, []).append(process.key)
    job_and_below = [] if job is None else [job.key]
    for key in job_and_below:
        job_and_below += children.get(key, [])
    return frozenset(p.key for p in of_the_job(observation)) - frozenset(job_and_below)


@remembered
def of_the_runner(observation: Observation) -> frozenset[int]:
    """Keys of what a real runner, or a model of one, started beside the job: its own shells.

    Without a launcher, everything that is neither the job nor below it, and that nobody named.
    """
    _, _, launcher, runner, _ = observation.cell.rsplit("/", 4)
    if launcher != "none" or runner.startswith(LABS_OWN) or job_of(observation) is None:
        return frozenset()
    own = launchers(observation)
    speaking = {mark.role for mark in observation.marks}
    return frozenset(
        p.key
        for p in of_the_job(observation)
        if p.key in own and p.parent is not None and not has_role(p) and p.role not in speaking
    )


@remembered
def of_later_execs(observation: Observation) -> frozenset[int]:
    """Keys of what an engine started in a container when the cell was armed already.

    GitLab Runner's docker executor has a script of its own run there, which signals everybody.
    """
    armed = observation.armed_ms
    found: set[int] = set()
    for process in observation.processes:
        later = process.of_engine and armed is not None and process.started_ms > armed
        if later or process.parent in found:
            found.add(process.key)
    return frozenset(found)


def job_of(observation: Observation) -> Process | None:
    """The job itself, where it is known who that is."""
    return next((p for p in of_the_job(observation) if p.role == JOB), None)


def servers(observation: Observation) -> frozenset[int]:
    """Keys of the other host's server's processes: what it has forked to serve the connection."""
    found: dict[int | None, str] = {}
    for process in of_the_job(observation):
        if process.far and (process.parent is None or found.get(process.parent) == process.program):
            found[process.key] = process.program
    job = job_process(observation)
    return frozenset(key for key in found if key is not None and (job is None or key != job.key))


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
    death sentences. But the runner is the parent of what it started, and knows.
    """
    if observation.report is not None and observation.report.end != End():
        first = first_process(observation)
        if first is not None and process.key == first.key:
            return Processes.GONE
    return Processes.UNKNOWN


@remembered
def effects(observation: Observation) -> tuple[Signal, ...]:
    """The signals from the cancellation on that somebody could care about."""
    since = since_ms(observation)
    until = observation.decided_ms if observation.decided_ms is not None else float("inf")
    return tuple(
        s for s in observation.signals if since <= s.at_ms <= until and not of_no_interest(s)
    )


def of_no_interest(signal: Signal) -> bool:
    """Whether it says nothing that the processes do not say better.

    A SIGCHLD for every child that ends does not, nor what a language's runtime does with its own
    threads: the SIGURG with which a Go program preempts them (runtime/signal_unix.go, sigPreempt),
    the JVM's real-time signals, and the faults by which its threads notice a safepoint or a null
    pointer (HotSpot's os/posix/signals_posix.cpp, handled and gone on from).
    """
    if signal.signal == "CHLD":
        return signal.to is Sent.KERNEL
    if signal.sender is not None and signal.sender == signal.receiver:
        return signal.signal == "URG" or signal.receiver == RUNNER_KEY
    fault = signal.signal == "SEGV" and signal.to is Sent.KERNEL
    return fault and signal.receiver == RUNNER_KEY and signal.disposition is Disposition.CAUGHT


@remembered
def by_receiver(observation: Observation) -> ByReceiver:
    """The same by their receivers."""
    found: ByReceiver = {}
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


def blocks(process: Process, signal: Signal) -> bool:
    """Whether it had the signal blocked when the cancellation came."""
    return process.dispositions is not None and signal.signal in process.dispositions.blocked


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

"""The jobs of the fake Buildkite: in which state each is, and what its agent has said of it.

States and their order as in Buildkite's documentation ("Build states", "Job states"): *scheduled*,
*assigned* to an agent that has asked for work, *accepted* by it, *running*, then *finished*, or
*canceling* and *canceled*.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

LOG_LIMIT = 1 << 24
"""Bytes of one job's log; the rest is not passed on."""


class State(StrEnum):
    """As the API and the web pages call them."""

    SCHEDULED = "scheduled"
    ASSIGNED = "assigned"
    ACCEPTED = "accepted"
    RUNNING = "running"
    CANCELING = "canceling"
    CANCELED = "canceled"
    FINISHED = "finished"

    @property
    def over(self) -> bool:
        return self in (State.CANCELED, State.FINISHED)


@dataclass(frozen=True, slots=True)
class Final:
    """What the agent said at a job's end (api/jobs.go, ``jobFinishRequest``)."""

    job: str
    cancelled: bool
    """Whether Buildkite had been asked to cancel it; it is then shown as canceled, whatever its
    exit status is."""
    exit_status: str
    """Empty: it has none."""
    signal: str
    """``SIGTERM``; empty: none."""
    signal_reason: str
    """``cancel``, ``agent_stop``, ``process_run_error``, …; empty: none."""


class Listener(Protocol):
    """Who hears of the jobs, in the request's own thread."""

    def log(self, job: str, data: bytes) -> None:
        """More of a job's log, in its order."""
        ...

    def over(self, final: Final) -> None:
        """The agent says that the job is over."""
        ...


@dataclass(slots=True)
class Job:
    """One job."""

    id: str
    env: Mapping[str, str]
    submitted_ns: int
    state: State = State.SCHEDULED
    agent: str | None = None
    """Whose access token it was given to."""
    started_ns: int | None = None
    next_chunk: int = 1
    chunks: dict[int, bytes] = field(default_factory=dict)
    """Came before their turn: an agent sends three at once (agent/job_runner.go, LogStreamer)."""
    logged: int = 0


class Jobs:
    """All of them. ``changed`` guards them; it is notified when anything happens."""

    def __init__(self, listener: Listener) -> None:
        self._listener = listener
        self._jobs: dict[str, Job] = {}
        self.changed = threading.Condition()

    def add(self, env: Mapping[str, str]) -> Job:
        with self.changed:
            name = f"00000000-0000-4000-8000-{len(self._jobs) + 1:012d}"
            job = Job(
                name,
                {**env, "BUILDKITE_JOB_ID": name, "BUILDKITE_BUILD_ID": name},
                time.monotonic_ns(),
            )
            self._jobs[name] = job
            self.changed.notify_all()
            return job

    def get(self, name: str) -> Job | None:
        with self.changed:
            return self._jobs.get(name)

    def unfinished(self, agent: str | None) -> bool:
        """Whether this agent has anything to do: a job that is its own or nobody's."""
        with self.changed:
            return any(
                not job.state.over and (job.agent == agent or job.state is State.SCHEDULED)
                for job in self._jobs.values()
            )

    def assign(self, agent: str) -> Job | None:
        """The oldest one that waits. An agent has one job at a time; ``changed`` is held."""
        mine = [job for job in self._jobs.values() if job.agent == agent and not job.state.over]
        waiting = [job for job in self._jobs.values() if job.state is State.SCHEDULED]
        # Assigned and never accepted: the answer got lost, so it is answered again.
        again = [job for job in mine if job.state is State.ASSIGNED]
        if again or not waiting or mine:
            return again[0] if again else None
        job = waiting[0]
        job.state, job.agent = State.ASSIGNED, agent
        return job

    def lost(self, agent: str) -> None:
        """This agent is gone: what it had not accepted waits again; what it had stays as it is, as
        Buildkite leaves it until the agent's heartbeats have been missing for minutes.
        """
        with self.changed:
            for job in self._jobs.values():
                if job.agent == agent and job.state is State.ASSIGNED:
                    job.state, job.agent = State.SCHEDULED, None
            self.changed.notify_all()

    def move(self, job: Job, state: State) -> None:
        """Accepted or running. One that is being cancelled stays so."""
        with self.changed:
            if job.state is not State.CANCELING:
                job.state = state
            if state is State.RUNNING and job.started_ns is None:
                job.started_ns = time.monotonic_ns()
            self.changed.notify_all()

    def cancel(self, job: Job) -> State:
        """Its user presses cancel; the answer: in which state it was."""
        with self.changed:
            was = job.state
            if was in (State.SCHEDULED, State.ASSIGNED):
                job.state = State.CANCELED
            elif not was.over:
                job.state = State.CANCELING
            self.changed.notify_all()
            return was

    def append(self, job: Job, number: int, data: bytes) -> None:
        """Chunk ``number`` of the log, from 1. What came twice counts once."""
        with self.changed:
            if number >= job.next_chunk:
                job.chunks.setdefault(number, data)
            while job.next_chunk in job.chunks:
                chunk = job.chunks.pop(job.next_chunk)
                job.next_chunk += 1
                if job.logged < LOG_LIMIT:
                    self._listener.log(job.id, chunk)
                job.logged += len(chunk)

    def finish(self, job: Job, exit_status: str, signal: str, signal_reason: str) -> bool:
        """False: it was over already."""
        with self.changed:
            if job.state.over:
                return False
            cancelled = job.state is State.CANCELING
            # A chunk that never came must not hold back those behind it.
            for number in sorted(job.chunks):
                self._listener.log(job.id, job.chunks.pop(number))
            job.state = State.CANCELED if cancelled else State.FINISHED
            self._listener.over(Final(job.id, cancelled, exit_status, signal, signal_reason))
            self.changed.notify_all()
            return True

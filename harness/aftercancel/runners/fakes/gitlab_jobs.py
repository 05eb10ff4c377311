"""The jobs of the fake GitLab: their states as GitLab's, without its web server (``gitlab``)."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol

_TAIL = 512
_ENDINGS = (b"Job succeeded", b"Job failed")
"""With one of them the runner ends a job's log (common/build.go, ``setTraceStatus``)."""


class State(StrEnum):
    """A job's, as GitLab's API names it (app/models/commit_status.rb, ``state_machine``)."""

    PENDING = "pending"
    RUNNING = "running"
    CANCELING = "canceling"
    CANCELED = "canceled"
    SUCCESS = "success"
    FAILED = "failed"
    FORGOTTEN = "forgotten"
    """Not one of GitLab's: the server knows the job no longer (erased, or its project is gone)."""

    @property
    def on_runner(self) -> bool:
        """Whether the server still takes what a runner says of it."""
        return self in {State.RUNNING, State.CANCELING}


@dataclass(frozen=True, slots=True)
class Final:
    """The last thing that a runner says of a job: the end of its update request."""

    job: int
    state: str
    failure_reason: str
    exit_code: int | None
    known_as: State
    """What the server had the job for when it heard this."""


class Listener(Protocol):
    """Who hears what the runner says; called from the server's threads, no lock held."""

    def log(self, job: int, data: bytes) -> None:
        """More of a job's log has come in."""
        ...

    def over(self, final: Final) -> None:
        """The runner has said that a job is over; once for each job, before it is answered."""
        ...


@dataclass(slots=True)
class Job:
    """One job as the fake GitLab has it."""

    id: int
    token: str
    payload: Mapping[str, Any]
    """What a runner is given, without id and token."""
    state: State = State.PENDING
    submitted_ns: int = field(default_factory=time.monotonic_ns)
    started_ns: int | None = None
    """When a runner was given it (CLOCK_MONOTONIC)."""
    received: int = 0
    """Bytes of its log that have come in."""
    acknowledged: int = 0
    """Bytes of its log of which the runner was told that they are here."""
    tail: bytes = b""
    over: bool = False

    @property
    def document(self) -> dict[str, Any]:
        """What a runner is given (lib/api/entities/ci/job_request/response.rb)."""
        return {"id": self.id, "token": self.token, **self.payload}


class Jobs:
    """All of them, and the queue. Thread-safe."""

    def __init__(self, listener: Listener) -> None:
        self.changed = threading.Condition()
        self._listener = listener
        self._jobs: dict[int, Job] = {}
        self._next = 1

    # -- for who hands jobs in

    def add(self, payload: Mapping[str, Any]) -> Job:
        """At the end of the queue."""
        with self.changed:
            job = Job(self._next, f"job-token-{secrets.token_hex(16)}", payload)
            self._next += 1
            self._jobs[job.id] = job
            self.changed.notify_all()
            return job

    def drop_all(self) -> None:
        """Forget every job; nothing that is still said of one is told to the listener."""
        with self.changed:
            for job in self._jobs.values():
                job.over = True
                job.state = State.FORGOTTEN
            self._jobs.clear()

    def move(self, job: Job, state: State) -> State:
        """Somebody presses a button: returns what state it was in.

        Where no runner has it yet it is over at once; where it is over nothing happens.
        """
        with self.changed:
            was = job.state
            if was is State.PENDING or was.on_runner:
                job.state = State.CANCELED if was is State.PENDING else state
            ends_here = was is State.PENDING and not job.over
            job.over = job.over or ends_here
            self.changed.notify_all()
        if ends_here:
            self._listener.over(Final(job.id, State.CANCELED, "", None, State.PENDING))
        return was

    def waiting(self) -> bool:
        """Whether a job waits for a runner."""
        return self._first() is not None

    # -- for the web server, who speaks with the runner

    def find(self, number: int) -> Job | None:
        with self.changed:
            return self._jobs.get(number)

    def take(self) -> Job | None:
        """The first that waits, now given to a runner; ``changed`` is held by the caller."""
        job = self._first()
        if job is not None:
            job.state = State.RUNNING
            job.started_ns = time.monotonic_ns()
        return job

    def give_back(self, job: Job) -> None:
        """The runner that was to get it has gone before it could be told."""
        with self.changed:
            if job.state is State.RUNNING and not job.received:
                job.state, job.started_ns = State.PENDING, None
                self.changed.notify_all()

    def append(self, job: Job, start: int, data: bytes, keep_talking: Callable[[], bool]) -> bool:
        """Take more of a job's log; False: its ``acknowledged`` says where to go on instead.

        A runner that has sent all of a silent job's log asks after the job only every 30 s
        (network/trace.go, ``touchJob``; MinTraceForceSendInterval). So while a job may still be
        cancelled it is told that its log's last byte is missing: it sends that again at its next
        turn, and hears of a cancellation there, as the runner of a talkative job does.
        """
        with self.changed:
            if start != job.acknowledged:
                return False
            fresh = data[max(0, job.received - start) :]
            job.received = max(job.received, start + len(data))
            job.tail = (job.tail + fresh)[-_TAIL:]
            ending = any(words in job.tail for words in _ENDINGS)
            again = job.state is State.RUNNING and not ending and keep_talking()
            job.acknowledged = job.received - 1 if again else job.received
            told = not job.over
        if fresh and told:
            self._listener.log(job.id, fresh)
        return not again

    def finish(self, job: Job, state: str, failure_reason: str, exit_code: int | None) -> State:
        """The runner says that it is over; returns what the server has had it for so far."""
        with self.changed:
            was, first = job.state, not job.over
            job.over = True
            if was is State.CANCELING:
                job.state = State.CANCELED  # whatever the runner says (``event :drop``, :success)
            elif was is State.RUNNING:
                job.state = State(state)
            self.changed.notify_all()
        if first:
            self._listener.over(Final(job.id, state, failure_reason, exit_code, was))
        return was

    def _first(self) -> Job | None:
        with self.changed:  # re-entrant
            waiting = (job for job in self._jobs.values() if job.state is State.PENDING)
            return next(waiting, None)

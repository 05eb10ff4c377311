"""What a cell's runner tells the executor, as far as it has."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from typing import Any

from aftercancel.executor.sandbox import SandboxError


@dataclass(frozen=True, slots=True)
class FiredStep:
    """One step of the cancellation, carried out."""

    at_ns: int
    what: str
    error: str | None
    limit_s: float = 0.0


@dataclass(frozen=True, slots=True)
class EndReport:
    """The runner's report of the job's end."""

    at_ns: int
    said: str
    status: int | None = None
    signal: str | None = None
    words: str = ""


@dataclass(slots=True)
class Reports:
    """Everything that came over the control socket."""

    started: bool = False
    fired: list[FiredStep] = field(default_factory=list)
    fired_heard_ns: int = 0
    """When the last of these was told, which is when it had been done."""
    end: EndReport | None = None
    counts: dict[str, list[int]] | None = None
    """For each stream: bytes before the report, after it, and how many of them were passed on."""
    modes_before: list[str] | None = None
    modes_after: list[str] | None = None
    """The terminal's settings at the start, and when they were last told."""
    error: str | None = None
    """What kept the runner from its work."""
    sandbox_error: SandboxError | None = None
    closed: bool = False
    """Whether the runner has gone."""
    output: dict[str, bytearray] = field(
        default_factory=lambda: {"o": bytearray(), "e": bytearray()}
    )

    closed_ns: int = 0
    runner: int | None = None
    """A real runner's process id in the sandbox's PID namespace; None: not told, or there is none."""
    up: bool = False
    """Whether a real runner has been started."""
    ready: bool = False
    """And answers as it should."""
    idle: bool | None = None
    """Whether it can take the next job; None: not told yet."""
    goes_on_ns: int | None = None
    """Until when a model of a runner may go on by itself; None: it will do nothing of its own."""
    queue: list[dict[str, Any]] | None = None
    """What became of the further jobs in its queue."""
    log: str = ""
    """The end of its own log, where something went wrong."""

    @property
    def over(self) -> bool:
        """Whether nothing more is to be expected of the runner."""
        return self.end is not None or self.closed

    @property
    def over_ns(self) -> int:
        """Since when."""
        return self.closed_ns if self.end is None else self.end.at_ns

    def take(self, packet: bytes) -> None:
        """One packet; an empty one is the end."""
        if not packet:
            self.closed = True
            self.closed_ns = time.monotonic_ns()
            return
        letter = packet[:1].decode()
        if letter in self.output:
            self.output[letter] += packet[1:]
        else:
            self._take_message(json.loads(packet[1:]))

    def _take_message(self, message: dict[str, Any]) -> None:
        if "sandbox" in message:
            self.sandbox_error = SandboxError(message["sandbox"])
        if "started" in message:
            self.started = True
        self.up = self.up or "up" in message
        self.ready = self.ready or "ready" in message
        self.runner = message.get("runner", self.runner)
        if "goes_on_ns" in message:
            self.goes_on_ns = message["goes_on_ns"]
        if "idle" in message:
            self.idle = message["idle"]
        self.queue = message.get("queue", self.queue)
        self.log = message.get("log", self.log)
        if "fired" in message:
            self.fired.append(FiredStep(**message["fired"]))
            self.fired_heard_ns = time.monotonic_ns()
        if "report" in message:
            self.end = EndReport(**message["report"])
        modes = message.get("modes")
        if "started" in message:
            self.modes_before = modes
        elif modes is not None:
            self.modes_after = modes
        self.counts = message.get("counts", self.counts)
        self.error = message.get("error", self.error)

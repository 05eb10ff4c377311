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


@dataclass(frozen=True, slots=True)
class EndReport:
    """The runner's report of the job's end."""

    at_ns: int
    said: str
    status: int | None = None
    signal: str | None = None


@dataclass(slots=True)
class Reports:
    """Everything that came over the control socket."""

    started: bool = False
    fired: list[FiredStep] = field(default_factory=list)
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
        if "fired" in message:
            self.fired.append(FiredStep(**message["fired"]))
        if "report" in message:
            self.end = EndReport(**message["report"])
        modes = message.get("modes")
        if "started" in message:
            self.modes_before = modes
        elif modes is not None:
            self.modes_after = modes
        self.counts = message.get("counts", self.counts)
        self.error = message.get("error", self.error)

"""A job that models of runners can act on without a process, with a clock of its own.

Processes are told as a family (who is whose child, who is in the first one's group), with what ends
each of them; time passes only where the model waits.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from aftercancel.model import Said
from aftercancel.runners.models.pattern import Life, Model, Until

FIRST = 10
_EVERYTHING = frozenset({"HUP", "INT", "TERM", "KILL"})


@dataclass(slots=True)
class Being:
    """One process of the pretended job."""

    parent: int = FIRST
    dies_of: frozenset[str] = _EVERYTHING
    after_s: float = 0.0
    """How long its handler takes before it ends."""
    status: int | None = None
    """With which it ends then; None: the signal ends it."""
    in_group: bool = True
    holds_output: bool = True
    environment: Mapping[str, str] = field(default_factory=dict)
    ends_at: float = math.inf
    """By itself, or by a signal that it was sent."""


def deaf(being: Being | None = None) -> Being:
    """The same, but nothing less than KILL ends it."""
    return replace(being or Being(), dies_of=frozenset({"KILL"}))


def handler(seconds: float, *signals: str, status: int = 1) -> Being:
    """A process that ends with a status, some time after one of these signals."""
    return Being(dies_of=frozenset({*signals, "KILL"}), after_s=seconds, status=status)


@dataclass(slots=True)
class PretendedJob:
    """See ``models.pattern.Job``."""

    beings: dict[int, Being]
    asks: Sequence[tuple[float, str]] = ()
    """When somebody asks to end it, and in which way."""
    options: Mapping[str, str] = field(default_factory=dict)
    folder: str = ""
    pid: int = FIRST
    clock: float = 0.0
    sent: list[tuple[float, str, int]] = field(default_factory=list)
    """When, what, to whom (a group is negative); what was refused is not there."""
    reports: list[tuple[float, Said]] = field(default_factory=list)
    log: bytes = b""
    let_go_at: float | None = None
    lives: list[tuple[Life, Until, float]] = field(default_factory=list)

    @property
    def way(self) -> str:
        return next((way for at, way in reversed(self.asks) if at <= self.clock), "")

    @property
    def ended(self) -> bool:
        return self.beings[self.pid].ends_at <= self.clock

    @property
    def ended_at(self) -> float | None:
        return self.beings[self.pid].ends_at if self.ended else None

    @property
    def status(self) -> int | None:
        return self.beings[self.pid].status if self.ended else None

    @property
    def eof(self) -> bool:
        return self.let_go_at is not None or not any(
            self.beings[pid].holds_output for pid in self.living()
        )

    def now(self) -> float:
        return self.clock

    def seconds(self, option: str, default: float) -> float:
        return float(self.options.get(option, default))

    def send(self, signal: str, pid: int) -> bool:
        found = [p for p in self.living() if self.beings[p].in_group] if pid < 0 else [pid]
        found = [p for p in found if p in self.living()]
        if found:
            self.sent.append((self.clock, signal, pid))
        for each in found:
            being = self.beings[each]
            if signal == "KILL":
                being.ends_at, being.status = self.clock, None
            elif signal in being.dies_of:
                being.ends_at = min(being.ends_at, self.clock + being.after_s)
        return bool(found)

    def parents(self) -> Mapping[int, int]:
        return {pid: self.beings[pid].parent for pid in self.living()}

    def living(self) -> Sequence[int]:
        return [pid for pid, being in sorted(self.beings.items()) if being.ends_at > self.clock]

    def there(self, pid: int) -> bool:
        return pid in self.living()

    def carries(self, pid: int, variables: Mapping[str, str]) -> bool:
        return self.there(pid) and variables.items() <= self.beings[pid].environment.items()

    def catches(self, pid: int, signal: str) -> bool:
        return signal in self.beings[pid].dies_of and self.beings[pid].status is not None

    def let_go(self) -> None:
        self.let_go_at = self.clock

    def heard(self, data: bytes) -> None:
        self.log += data

    def meanwhile(self, life: Life) -> None:
        self._keep(life, None)

    def report(self, said: Said, status: int | None = None) -> None:
        if not self.reports:
            self.reports.append((self.clock, said))

    # -- time

    def live(self, model: Model, until: float = 2000.0) -> PretendedJob:
        """Let the model do all that it does, and return itself."""
        self.meanwhile(model.life(self))
        while self.lives and self.clock <= until:
            if not self._resume_one():
                self.clock = self._next(until)
        return self

    def _resume_one(self) -> bool:
        for entry in self.lives:
            life, wait, deadline = entry
            met = wait.condition()
            if met or self.clock >= deadline:
                self.lives.remove(entry)
                self._keep(life, met)
                return True
        return False

    def _keep(self, life: Life, met: bool | None) -> None:
        try:
            wait = next(life) if met is None else life.send(met)
        except StopIteration:
            return
        deadline = math.inf if wait.seconds is None else self.clock + wait.seconds
        self.lives.append((life, wait, deadline))

    def _next(self, until: float) -> float:
        moments = [being.ends_at for being in self.beings.values()]
        moments += [at for at, _ in self.asks]
        moments += [deadline for _, _, deadline in self.lives]
        moments += [self.clock + w.every_s for _, w, _ in self.lives if w.every_s is not None]
        return min((at for at in moments if at > self.clock), default=until + 1)

    # -- what tests ask

    def told(self, *signals: str) -> list[tuple[str, int]]:
        """What was sent to whom, in order; with names, only those."""
        return [(name, pid) for _, name, pid in self.sent if not signals or name in signals]

    @property
    def said(self) -> Said | None:
        return self.reports[0][1] if self.reports else None

    @property
    def reported_at(self) -> float | None:
        return self.reports[0][0] if self.reports else None

    @property
    def survivors(self) -> list[int]:
        return list(self.living())


def asked(way: str, first: Being | None = None, /, *others: Being, **options: str) -> PretendedJob:
    """A job that has run for a while and is to be ended now; the others have the next ids."""
    beings = {FIRST: first or Being(parent=1)}
    beings |= {FIRST + number: being for number, being in enumerate(others, 1)}
    named = {name.replace("_", "-"): value for name, value in options.items()}
    return PretendedJob(beings, asks=((0.0, way),) if way else (), options=named)


def left_alone(first: Being | None = None, /, *others: Being, **options: str) -> PretendedJob:
    """A job that nobody ends; its first process does so by itself, at 1 s."""
    job = asked("", first, *others, **options)
    job.beings[FIRST].ends_at = 1.0
    return job

"""What a fingerprint is made of, how it reads, and in what two of them differ."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

from aftercancel.model import Evidence, TroubleKind

PROMISED = ("HUP", "INT", "QUIT", "PIPE", "ALRM", "TERM", "USR1", "USR2", "TSTP", "TTIN", "TTOU")
"""The signals whose dispositions a fingerprint holds."""

SOME = 0
"""A count that is not part of the finding."""


@dataclass(frozen=True, slots=True, order=True)
class ProcessPrint:
    """Processes that cannot be told apart, and how many of them."""

    role: str
    ended: str
    """``TERM``, ``status 0``, ``still there``; ``?`` where the evidence cannot tell."""
    fate: str
    dispositions: str
    """``catches INT TERM, ignores QUIT``; empty where they are not promised."""
    count: int

    def __str__(self) -> str:
        times = "" if self.count == 1 else " ×n" if self.count == SOME else f" ×{self.count}"
        return _joined(word(self.role) + times, self.ended, self.fate, self.dispositions)


@dataclass(frozen=True, slots=True, order=True)
class SignalPrint:
    """Signals that cannot be told apart; how many they were is left open."""

    sender: str
    receiver: str
    signal: str
    to: str
    call: str
    """Empty where it is left open."""
    disposition: str
    error: str

    def __str__(self) -> str:
        met = self.error or self.disposition
        route = f"{word(self.sender)} > {word(self.receiver)}"
        call = f" by {self.call}" if self.call else ""
        return f"{route}: {self.signal}{call} to {self.to}, {met}"


@dataclass(frozen=True, slots=True, order=True)
class MarksPrint:
    """What one role said, in its order."""

    role: str
    names: tuple[str, ...]

    def __str__(self) -> str:
        return f"{word(self.role)} says {', '.join(word(name) for name in self.names)}"


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """An observation without what may differ when the cell is run again."""

    evidence: Evidence
    trouble: TroubleKind | None
    report: str
    """What the runner said; ``none``; ``none, died of KILL``."""
    processes: tuple[ProcessPrint, ...] = ()
    signals: tuple[SignalPrint, ...] = ()
    marks: tuple[MarksPrint, ...] = ()
    left: tuple[str, ...] = ()
    """Paths, and ``… more``."""
    locks: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()
    """Steps of the cancellation that could not be carried out."""
    limits: tuple[str, ...] = ()

    @property
    def measured(self) -> bool:
        """Whether there is behaviour in it at all."""
        return self.trouble is None

    @property
    def text(self) -> str:
        """One line, the same for equal fingerprints and different for different ones."""
        if self.trouble is not None:
            return f"{self.evidence}: not measured, {self.trouble}"
        groups = [
            (f"{self.evidence}: report {self.report}",),
            *(group for _, group in self.groups()),
        ]
        return "; ".join(item for group in groups for item in group)

    def groups(self) -> tuple[tuple[str, tuple[str, ...]], ...]:
        """Everything but the report, by kind, as words."""
        return (
            ("processes", tuple(str(p) for p in self.processes)),
            ("signals", tuple(str(s) for s in self.signals)),
            ("marks", tuple(str(m) for m in self.marks)),
            ("left", tuple(f"left {word(path)}" for path in self.left)),
            ("locks", tuple(f"locked {lock}" for lock in self.locks)),
            ("cancellation", tuple(f"refused {what}" for what in self.refused)),
            ("limits", tuple(f"met the limit on {limit}" for limit in self.limits)),
        )


def differences(one: Fingerprint, other: Fingerprint) -> tuple[str, ...]:
    """What differs, in words, a line for each kind: ``marks: (…) or (…)``."""
    found = []
    if one.evidence is not other.evidence:
        found.append(f"evidence: {one.evidence} or {other.evidence}")
    if one.trouble is not other.trouble:
        troubles = [t.value if t is not None else "none" for t in (one.trouble, other.trouble)]
        found.append(f"trouble: {troubles[0]} or {troubles[1]}")
    if one.report != other.report:
        found.append(f"report: {one.report} or {other.report}")
    for (kind, ours), (_, theirs) in zip(one.groups(), other.groups(), strict=True):
        if ours != theirs:
            found.append(f"{kind}: {_only(ours, theirs)} or {_only(theirs, ours)}")
    return tuple(found)


def _only(ours: tuple[str, ...], theirs: tuple[str, ...]) -> str:
    mine = [item for item in ours if item not in theirs]
    return f"({'; '.join(mine)})" if mine else "(nothing of that)"


_PLAIN = re.compile(r"[\w./:@+<>…*-]+(?: [\w./@+-]+)*")


def word(text: str) -> str:
    """Text from a job: as it stands where it cannot be mistaken for something else, else quoted."""
    return text if _PLAIN.fullmatch(text) and text.isprintable() else json.dumps(text)


def _joined(first: str, *rest: str) -> str:
    return ", ".join(word for word in (first, *rest) if word)

"""What predicates ask of an observation beside the facts that every judge needs. Pure.

And patterns that several claims need: which cells they mean, never what comes of them.
"""

from __future__ import annotations

from collections.abc import Iterable

from aftercancel.judge import facts
from aftercancel.judge.words import counted, listed, visible
from aftercancel.model import Mark, Observation, Process, Signal

FLAGS = ("*/*-e/*/*/*", "*/*-xe/*/*/*")
"""Shells with flags: for ``without``, where a claim means plain ones."""
UNFLAGGED = "{*[!e],*[!x-]e}"
"""The same as a pattern of one word, where only one part of a case means plain ones."""
NOT_CANCELLED = "*/*/*/*/end"
"""For ``without``, where a claim means every cancellation."""
OWN_WAY = "abort,cancel*,stop*"
"""How a real runner cancels: alternatives for a pattern, beside signals of the plain runners'."""
LABS_OWN = "*/*/*/plain*/*"
"""The lab's own runners: for ``without``, where a claim means real ones. What a plain runner sends,
and when it reports, is the lab's definition and no evidence."""
DROPBEAR = "*/*/*dropbear*/*/*"
"""For ``without``, where a claim means what OpenSSH's server does."""
JENKINS = "{jenkins,hudson}*"
"""The runners that are Jenkins, of any version."""


def below(process: Process, observation: Observation) -> tuple[Process, ...]:
    """Everything that it started, and what that started in turn."""
    return tuple(p for p in facts.of_the_job(observation) if process in facts.above(p, observation))


def lived_at(process: Process, at_ms: float) -> bool:
    """Whether it was there at that moment."""
    return process.started_ms <= at_ms and (process.ended_ms is None or process.ended_ms > at_ms)


def there_then(processes: Iterable[Process], observation: Observation) -> list[Process]:
    """Those of them that were there when the cancellation came."""
    return [p for p in processes if lived_at(p, facts.since_ms(observation))]


def got(process: Process, observation: Observation, *names: str) -> list[Signal]:
    """The signals that came to it from the cancellation on; with names: of these alone."""
    return [
        s
        for s in facts.effects(observation)
        if s.receiver == process.key and s.error is None and (not names or s.signal in names)
    ]


def by_runner(observation: Observation) -> list[Signal]:
    """What the runner itself sent from the cancellation on, and was not refused."""
    roles = {p.role for p in observation.processes if p.key == facts.RUNNER_KEY}
    return [
        s
        for s in facts.effects(observation)
        if s.error is None and (s.sender == facts.RUNNER_KEY or s.sender_role in roles)
    ]


def begun(observation: Observation, handler: str, *, by: str = "") -> Mark | None:
    """The first mark by which the handler says that it began, since the cancellation.

    ``by`` is the role that wrote it, where a mark of another would say nothing.
    """
    return next(
        (
            mark
            for mark in facts.marks_since(observation)
            if mark.name in (handler, f"{handler} begin") and (not by or mark.role in (by, None))
        ),
        None,
    )


def says(observation: Observation, name: str) -> bool:
    """Whether the job wrote this mark since the cancellation."""
    return any(mark.name == name for mark in facts.marks_since(observation))


def handlers(observation: Observation) -> frozenset[str]:
    """The handlers that the job has, by the marks that it can write."""
    return frozenset(mark.removesuffix(" begin") for mark in observation.declared.marks)


def names(processes: Iterable[Process]) -> str:
    """Their roles in the order of the alphabet, so that chance does not reorder them."""
    return listed(counted(sorted(visible(p.role) for p in processes)))


def still(processes: Iterable[Process]) -> str:
    """``child was still running``, ``child and job were still running``."""
    found = list(processes)
    return f"{names(found)} {'was' if len(found) == 1 else 'were'} still running"

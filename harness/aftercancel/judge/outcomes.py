"""The verdict on one observation, on three axes, with a sentence for each.

Pure: the same observation always gives the same outcome, and nothing is asked of the machine.
"""

from __future__ import annotations

from typing import NamedTuple

from aftercancel.judge import cleanups, facts, survivals, truths
from aftercancel.judge.words import counted, ended, listed, sentence, span, visible, who
from aftercancel.model import (
    SCHEMA,
    CleanUp,
    Evidence,
    Observation,
    Outcome,
    Process,
    Processes,
    Report,
    Truth,
)

_EARLY_MS = 500.0
"""A runner counts its time limit from a moment of its own, before the job's first process."""


class _Verdict(NamedTuple):
    value: Processes
    sentence: str
    roles: tuple[str, ...] = ()


def outcome(observation: Observation) -> Outcome:
    """Judge one observation."""
    why_not = _unreadable(observation) or not_measured(observation)
    if why_not is not None:
        return unknown(observation, why_not)
    processes = _processes(observation)
    clean_up = cleanups.judge(observation)
    report = truths.judge(observation, processes.value)
    sentences = [processes.sentence, clean_up.sentence, report.sentence, *_unheard(observation)]
    if observation.limits:
        sentences.append(f"The cell met the sandbox's limit on {listed(observation.limits)}.")
    return Outcome(
        cell=observation.cell,
        processes=processes.value,
        cleanup=clean_up.value,
        report=report.value,
        reason=" ".join(sentences),
        roles=processes.roles,
        attempt=observation.attempt,
    )


def unknown(observation: Observation, reason: str) -> Outcome:
    """An outcome that says on no axis more than that it is not known."""
    return Outcome(
        cell=observation.cell,
        processes=Processes.UNKNOWN,
        cleanup=CleanUp.UNKNOWN,
        report=Truth.UNKNOWN,
        reason=reason,
        attempt=observation.attempt,
    )


def _unreadable(observation: Observation) -> str | None:
    if observation.schema == SCHEMA:
        return None
    return (
        f"The observation has schema {observation.schema}, and this version of aftercancel "
        f"reads schema {SCHEMA}: judge it with the version that measured it."
    )


def not_measured(observation: Observation) -> str | None:
    """Why nothing can be said of the cell, in a sentence; None: it was measured."""
    if observation.trouble is not None:
        trouble = observation.trouble
        return f"Not measured ({trouble.kind}): {visible(trouble.words)}"
    if observation.decided is None:
        return "Not measured: the watching was broken off before the cell was decided."
    if not facts.of_the_job(observation):
        return "Not measured: no process of the job was seen."
    if facts.over_before(observation):
        return None
    if facts.cancelled(observation) and not observation.fired:
        return "Not measured: the cancellation was never fired."
    return _reported_before(observation)


def _reported_before(observation: Observation) -> str | None:
    report = observation.report
    if report is None:
        return None
    if report.at_ms < facts.since_ms(observation):
        return "Not measured: the runner had reported the end before the cancellation was fired."
    limit_s = max((f.limit_s for f in observation.fired), default=0.0)
    first = facts.first_process(observation)
    if (
        limit_s
        and first is not None
        and report.at_ms < first.started_ms + limit_s * 1000 - _EARLY_MS
    ):
        return (
            "Not measured: the runner had reported the end before the time limit of "
            f"{limit_s:g} s was over."
        )
    return None


def _processes(observation: Observation) -> _Verdict:
    sent = facts.by_receiver(observation)
    by_fate: dict[Processes, list[Process]] = {}
    runners_own = facts.of_the_runner(observation)
    for process in facts.of_the_job(observation):
        if process.key in runners_own:
            continue
        by_fate.setdefault(facts.fate(process, observation), []).append(process)
    orphaned = by_fate.get(Processes.ORPHANED, [])
    late = by_fate.get(Processes.LATE, [])
    untold = by_fate.get(Processes.UNKNOWN, [])
    parts = []
    if orphaned:
        parts.append(_still_there(orphaned, observation, sent))
    if late:
        parts.append(listed(counted(f"{who(p)} {_too_late(p, observation, sent)}" for p in late)))
    if untold:
        parts.append(
            f"{listed(counted(who(p) for p in untold))} was gone only after the report, and /proc "
            "cannot tell whether it had its death sentence before"
        )
    parts += _another_signal(observation, sent)
    if orphaned:
        return _Verdict(Processes.ORPHANED, sentence(parts), _roles(orphaned))
    # One more that is late or gone, whichever, does not change what the late ones make of it.
    if late:
        return _Verdict(Processes.LATE, sentence(parts), _roles(late))
    if untold:
        return _Verdict(Processes.UNKNOWN, sentence(parts), _roles(untold))
    gone = _all_gone(observation)
    if observation.report is not None:
        gone += f" by the time of the report{_a_little_later(observation, observation.report)}"
    return _Verdict(Processes.GONE, sentence([gone, *parts]))


def _all_gone(observation: Observation) -> str:
    """And of what a real runner has above the job, whoever was still there."""
    runners_own = facts.of_the_runner(observation)
    beside = [p for p in facts.of_the_job(observation) if p.key in runners_own]
    outlived = [p for p in beside if facts.fate(p, observation) is not Processes.GONE]
    if not outlived:
        return "every process was gone"
    names = listed(counted(visible(p.role) for p in outlived))
    return f"every process of the job was gone (only the runner's own {names} was not)"


def _a_little_later(observation: Observation, report: Report) -> str:
    """What must be added where the story shows a death after the report that counts as before."""
    limit = report.at_ms + facts.MARGIN_MS
    ends = [p.ended_ms for p in facts.of_the_job(observation) if p.ended_ms is not None]
    if all(ended_ms <= report.at_ms for ended_ms in ends):
        return ""
    if all(ended_ms <= limit for ended_ms in ends):
        return f", or within {span(facts.MARGIN_MS)} of it"
    if observation.evidence is Evidence.PROC:
        return ""  # The runner had seen the end of the job; it was /proc that was looked at late.
    return f", or had its death sentence within {span(facts.MARGIN_MS)} of it"


def _still_there(orphaned: list[Process], observation: Observation, sent: facts.ByReceiver) -> str:
    """Those that lived on for the same reason together."""
    by_reason: dict[str, list[str]] = {}
    for process in orphaned:
        why = survivals.why_it_lived(process, observation, sent)
        by_reason.setdefault(why, []).append(who(process))
    found = []
    for why, names in by_reason.items():
        told = counted(names)
        were = "was" if len(told) == 1 else "were"
        found.append(f"{listed(told)} {were} still running {_at_the_end(observation)}: {why}")
    return "; ".join(found)


def _at_the_end(observation: Observation) -> str:
    """When the watching ended, told from the report if there was one."""
    decided = observation.decided_ms or 0.0
    if observation.report is not None:
        return f"{span(decided - observation.report.at_ms)} after the report"
    if observation.fired:
        return f"{span(decided)} after the cancellation"
    return "when the watching ended"


def _too_late(process: Process, observation: Observation, sent: facts.ByReceiver) -> str:
    ended_ms, report = process.ended_ms or 0.0, observation.report
    after = span(ended_ms - (report.at_ms if report is not None else 0.0))
    cause = facts.cause_of_death(process, sent.get(process.key, []))
    by = "" if cause is None else f" from {visible(cause.sender_role)}"
    return f"{ended(process.end)}{by} only {after} after the report"


def _another_signal(observation: Observation, sent: facts.ByReceiver) -> list[str]:
    """Processes that died of a signal, but not of one that another process had sent them."""
    found = []
    for process in facts.of_the_job(observation):
        signal = process.end.signal if process.end is not None else None
        received = [s for s in sent.get(process.key, []) if facts.notable(s)]
        others = [s.signal for s in received if s.sender != process.key]
        if signal is not None and others and signal not in others:
            by = ", which it sent itself" if signal in (s.signal for s in received) else ""
            names = listed(list(dict.fromkeys(others)))
            found.append(f"{who(process)} was sent {names} and died of {signal}{by}")
    return counted(found)


def _unheard(observation: Observation) -> list[str]:
    """What kept the cancellation, or a part of it, from reaching anybody."""
    told = []
    if facts.over_before(observation):
        first = facts.first_process(observation)
        launcher = "" if first is None else f" ({visible(first.role)} {ended(first.end)})"
        told.append(f"For the runner it was over before it was told to cancel{launcher}.")
    refused = [visible(f.what) for f in observation.fired if f.error == facts.NOT_PERMITTED]
    if refused:
        # kill(2): EPERM, the sender may not signal the process.
        what = f"{listed(list(dict.fromkeys(refused)))} was refused ({facts.NOT_PERMITTED})"
        told.append(f"The runner may not signal every process: {what}.")
    if told and all(f.error is not None for f in observation.fired):
        told.append("Nothing of the cancellation reached anybody.")
    return told


def _roles(processes: list[Process]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(p.role for p in processes))

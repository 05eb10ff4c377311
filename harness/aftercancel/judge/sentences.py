"""Death sentences: from when on the end of a process was certain, and of which signal.

The kernel carries a sentence out when it gets round to it, and until then may hand down others.
Which one it then reports, and whether a later sender still finds the process, is left open.
"""

from __future__ import annotations

from dataclasses import replace

from aftercancel.judge import facts
from aftercancel.model import Disposition, Observation, Process, Signal


def death_sentences(observation: Observation) -> dict[int, Signal]:
    """By the keys of processes that died of a signal: the first that was sure to end each."""
    sent = facts.by_receiver(observation)
    found = {}
    for process in observation.processes:
        sentence = _sentence(process, sent.get(process.key, []))
        if sentence is not None:
            found[process.key] = sentence
    return found


def was_dying(receiver: Process, signal: Signal, sentence: Signal | None) -> bool:
    """Whether the receiver's end was certain, or under way, when the signal came."""
    if sentence is not None:
        return sentence is not signal and sentence.at_ms <= signal.at_ms
    doomed = facts.doomed_ms(receiver)
    if doomed is not None and doomed < signal.at_ms:
        return True
    if receiver.ended_ms is None:
        return False
    if receiver.ended_ms <= signal.at_ms:
        return True
    # Never delivered, not blocked, and its receiver ended at once: it was on its way out. One
    # that was stopped, or blocks the signal, keeps it waiting for longer, and that is a finding.
    return (
        signal.disposition is Disposition.PENDING
        and not _blocks(receiver, signal)
        and receiver.ended_ms - signal.at_ms < facts.MARGIN_MS
    )


def _sentence(process: Process, sent: list[Signal]) -> Signal | None:
    """One that was never delivered was as sure as the one that was, if the process died at once."""
    ended_ms = process.ended_ms
    if ended_ms is None or process.end is None or process.end.signal is None:
        return None
    fatal = [
        s
        for s in sent
        if s.at_ms <= ended_ms
        and ended_ms - s.at_ms < facts.MARGIN_MS
        and (facts.ends_by_default(s) or _would_have_ended(process, s))
    ]
    return min(fatal, key=lambda s: s.at_ms, default=None)


def _would_have_ended(process: Process, signal: Signal) -> bool:
    known = process.dispositions
    return (
        known is not None
        and signal.disposition is Disposition.PENDING
        and facts.ends_by_default(replace(signal, disposition=Disposition.DEFAULT))
        and signal.signal not in (*known.caught, *known.ignored, *known.blocked)
    )


def _blocks(process: Process, signal: Signal) -> bool:
    return process.dispositions is not None and signal.signal in process.dispositions.blocked

"""Death sentences: from when on the end of a process was certain, and of which signal.

The kernel carries a sentence out when it gets round to it, and until then may hand down others.
Which one it then reports, and whether a later sender still finds the process, is left open.
"""

from __future__ import annotations

from dataclasses import replace

from aftercancel.judge import facts
from aftercancel.model import Disposition, Observation, Process, Signal


class Sentences:
    """The death sentences of one observation."""

    def __init__(self, observation: Observation) -> None:
        self._last_call: dict[int, float] = {}
        """When each process sent its last signal: until then it was not dying."""
        self._first_caught: dict[int, float] = {}
        """When each first got a signal that one of its handlers took."""
        for signal in facts.effects(observation):
            if signal.receiver is not None and signal.disposition is Disposition.CAUGHT:
                first = self._first_caught.get(signal.receiver, signal.at_ms)
                self._first_caught[signal.receiver] = min(first, signal.at_ms)
        for signal in observation.signals:
            if signal.sender is not None:
                last = self._last_call.get(signal.sender, signal.at_ms)
                self._last_call[signal.sender] = max(last, signal.at_ms)
        sent = facts.by_receiver(observation)
        self._by_key: dict[int, Signal] = {}
        for process in observation.processes:
            sentence = self._found(process, sent.get(process.key, []))
            if sentence is not None:
                self._by_key[process.key] = sentence

    def of(self, process: Process) -> Signal | None:
        """The first signal that was sure to end it, where it died of a signal."""
        return self._by_key.get(process.key)

    def was_dying(self, receiver: Process, signal: Signal) -> bool:
        """Whether the receiver's end was certain, or under way, when the signal came."""
        sentence = self.of(receiver)
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
            and not facts.blocks(receiver, signal)
            and not self.waited_for(receiver, signal)
            and receiver.ended_ms - signal.at_ms < facts.MARGIN_MS
        )

    def waited_for(self, receiver: Process, signal: Signal) -> bool:
        """Whether it took the signal without a handler, as sigwait(3) does.

        The kernel unblocks what sigtimedwait(2) waits for, and hands it out without delivering it
        (kernel/signal.c do_sigtimedwait). So it looks like one that came too late; but a process
        on its way out sends no signals.
        """
        known = receiver.dispositions
        # A handler that runs blocks more than its process did when it was looked at (sigaction(2)).
        in_a_handler = self._first_caught.get(receiver.key, signal.at_ms) < signal.at_ms
        return (
            known is not None
            and signal.disposition is Disposition.PENDING
            and signal.signal not in (*known.ignored, *known.blocked)
            and not in_a_handler
            and self._last_call.get(receiver.key, signal.at_ms) > signal.at_ms
        )

    def _found(self, process: Process, sent: list[Signal]) -> Signal | None:
        """One that was never delivered was as sure as the one that was, if the process died at once."""
        ended_ms = process.ended_ms
        if ended_ms is None or process.end is None or process.end.signal is None:
            return None
        fatal = [
            s
            for s in sent
            if s.at_ms <= ended_ms
            and ended_ms - s.at_ms < facts.MARGIN_MS
            and (facts.ends_by_default(s) or self._would_have_ended(process, s))
        ]
        return min(fatal, key=lambda s: s.at_ms, default=None)

    def _would_have_ended(self, process: Process, signal: Signal) -> bool:
        known = process.dispositions
        return (
            known is not None
            and signal.disposition is Disposition.PENDING
            and facts.ends_by_default(replace(signal, disposition=Disposition.DEFAULT))
            and signal.signal not in (*known.caught, *known.ignored, *known.blocked)
            and not self.waited_for(process, signal)
        )


death_sentences = facts.remembered(Sentences)
"""Those of an observation: several judges and tellers ask for them, one after the other."""

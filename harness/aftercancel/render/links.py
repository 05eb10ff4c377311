"""What each signal follows from, as far as the evidence shows: the structure behind relays.

- What a process sends follows from the last signal of that name that it had caught, else from the
  last that it had caught. One that it took by waiting for it (tini, dumb-init) counts as caught.
- What it sends without having caught any follows from what the nearest process above it had
  caught: sudo's monitor, the ``kill`` that a trap starts. The job's own processes are not asked
  beyond the job.
- Who sends itself what a child of it, or the job, has died of passes on how that ended.
- A launcher, or a server on the other host, may send one without having got any: it was asked to
  by other means, or lost its connection.
- A terminal sends HUP when the leader of its session has ended, or when it is closed; one that is
  not the terminal which the runner gave may also pass on what was typed.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from aftercancel.judge import facts
from aftercancel.judge.sentences import death_sentences
from aftercancel.model import Disposition, Observation, Process, Signal
from aftercancel.render.calls import Call, calls, given_terminal, place


class Why(StrEnum):
    """What a call follows from."""

    CAUGHT = "its sender had caught a signal"
    STARTED = "its sender was started below one that had caught a signal, after that"
    BELOW = "its sender was there already, below one that had caught a signal"
    CHILD = "a child of its sender, or the job, has died of that signal"
    UNASKED = "nothing that the trace has"
    LEADER = "the leader of the terminal's session has ended"
    TERMINAL = "it is what another terminal does than the one that the runner gave"


@dataclass(frozen=True, slots=True)
class Link:
    """What one call follows from."""

    why: Why
    caught: Signal | None = None
    """The signal that was caught, if one was."""
    by: Process | None = None
    """Who had caught it; the child that died; the leader that ended."""
    signalled: bool = False
    """Whether the sender had got any signal by then."""


class Links:
    """The calls of one observation that somebody could care about, each with its link."""

    def __init__(self, observation: Observation) -> None:
        self._processes = {p.key: p for p in observation.processes}
        self._by_pid = {(p.far, p.pid): p for p in observation.processes}
        self._given = given_terminal(observation)
        self._sentences = death_sentences(observation)
        self._children: dict[int | None, list[Process]] = {}
        for process in facts.of_the_job(observation):
            self._children.setdefault(process.parent, []).append(process)
        self.job = facts.job_process(observation)
        self.launchers = facts.launchers(observation)
        self._received: set[int] = set()
        self._caught: dict[tuple[int, str | None], list[Signal]] = {}
        """By process and name, and by process alone."""
        # CONT accompanies what matters (HUP of the kernel, TERM of timeout), and ends nobody.
        told = (s for s in facts.effects(observation) if facts.notable(s) and s.signal != "CONT")
        self.calls: list[tuple[Call, Link | None]] = []
        self.follow: dict[Signal, list[tuple[Call, Link]]] = {}
        """The calls that follow from a signal that was caught."""
        for call in calls(told, self._processes):
            link = self._link(call[0])
            if link is not None:
                link = replace(link, signalled=call[0].sender in self._received)
                if link.caught is not None:
                    self.follow.setdefault(link.caught, []).append((call, link))
            self.calls.append((call, link))
            for signal in call:
                self._take(signal)

    def _take(self, signal: Signal) -> None:
        if signal.receiver is None:
            return
        self._received.add(signal.receiver)
        receiver = self._processes.get(signal.receiver)
        waited = receiver is not None and self._sentences.waited_for(receiver, signal)
        if signal.disposition is Disposition.CAUGHT or waited:
            for name in (signal.signal, None):
                self._caught.setdefault((signal.receiver, name), []).append(signal)

    def _link(self, first: Signal) -> Link | None:
        if place(first, self._processes) is not None:
            return self._from_a_terminal(first)
        sender = None if first.sender is None else self._processes.get(first.sender)
        if sender is None or sender.key == facts.RUNNER_KEY:
            return None
        caught = self._had_caught(sender, first)
        if caught is not None:
            return Link(Why.CAUGHT, caught, sender)
        return self._from_above(sender, first) or self._from_nobody(sender, first)

    def _from_a_terminal(self, first: Signal) -> Link | None:
        assert first.receiver is not None
        receiver = self._processes[first.receiver]
        session = receiver.session
        leader = None if session is None else self._by_pid.get((receiver.far, session))
        # tty_ioctl(4) TIOCNOTTY, exit(3): the end of a session's leader hangs its terminal up.
        if first.signal == "HUP" and leader is not None and _had_ended(leader, first):
            return Link(Why.LEADER, by=leader)
        another = place(first, self._processes) != self._given
        return Link(Why.TERMINAL) if another else None

    def _had_caught(self, process: Process, before: Signal) -> Signal | None:
        for name in (before.signal, None):
            for signal in reversed(self._caught.get((process.key, name), [])):
                # It may have been blocked for a while: caught is when it was delivered.
                if signal.delivered_ms is None or signal.delivered_ms <= before.at_ms:
                    return signal
        return None

    def _from_above(self, sender: Process, first: Signal) -> Link | None:
        above = sender
        while above is not self.job and above.parent in self._processes:
            above = self._processes[above.parent]
            caught = self._had_caught(above, first)
            if caught is not None:
                started = sender.started_ms >= caught.at_ms
                if not started and sender.key not in self.launchers:
                    return None
                return Link(Why.STARTED if started else Why.BELOW, caught, above)
        return None

    def _from_nobody(self, sender: Process, first: Signal) -> Link | None:
        if first.receiver == sender.key:
            below = [*self._children.get(sender.key, ()), *([self.job] if self.job else [])]
            for child in below:
                died = child.end is not None and child.end.signal == first.signal
                if died and _had_ended(child, first):
                    return Link(Why.CHILD, by=child)
        return Link(Why.UNASKED) if sender.key in self.launchers else None


def _had_ended(process: Process, signal: Signal) -> bool:
    return process.ended_ms is not None and process.ended_ms <= signal.at_ms

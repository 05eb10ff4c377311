"""Relays: how a signal comes from one process to the next, a line for each chain.

``→`` is a link that the trace shows: a process caught a signal, and then sent one or started
somebody who did. ``⇢`` is a link of time alone: how the sender came to know (a socket, the
network, the end of a child) is not in the trace, only what came before.

Of a call to a group it is not told who was dying already. Where launchers were signalled, and
nobody sent the job anything, that is told.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import assert_never

from aftercancel.judge import facts
from aftercancel.judge.sentences import death_sentences
from aftercancel.judge.words import counted, listed, visible
from aftercancel.model import Disposition, Evidence, Observation, Process, Sent, Signal
from aftercancel.render.calls import Call, given_terminal, place, terminal
from aftercancel.render.links import Link, Links, Why

SURE, LATER = " → ", " ⇢ "
MEANING = "⇢: what came next; how its sender came to know is not in the trace"

_MOST = 20
_LONGEST = 8
"""Links in a chain: two processes may answer each other's signals for ever."""


def relays(observation: Observation) -> tuple[str, ...]:
    """Each chain as a line: ``TERM to job (caught) → job sends TERM to child (default) → dies``."""
    if observation.evidence is Evidence.PROC:
        return ()
    unique = tuple(dict.fromkeys(_Relays(observation).lines()))
    if len(unique) > _MOST:
        return (*unique[:_MOST], f"… and {len(unique) - _MOST} more")
    return unique


class _Relays:
    """The chains of one observation, in words."""

    def __init__(self, observation: Observation) -> None:
        self._observation = observation
        self._links = Links(observation)
        self._processes = {p.key: p for p in observation.processes}
        self._given = given_terminal(observation)
        self._sentences = death_sentences(observation)

    def lines(self) -> Iterator[str]:
        """Every chain from its beginning to each of its ends."""
        for call, link in self._links.calls:
            if link is None:
                for signal in call:
                    for after in self._links.follow.get(signal, ()):
                        yield from self._paths(*after, self._received(signal))
            elif link.caught is None:
                yield from self._paths(call, link, self._beginning(call, link))
        yield from self._not_relayed()

    def _paths(self, call: Call, link: Link, before: str, depth: int = 1) -> Iterator[str]:
        """From one call to each end of its chain, behind the words of what came before."""
        shown = [signal for signal in call if self._worth_telling(signal, call)]
        if not shown:
            return
        line = f"{before}{_arrow(link) if before else ''}{self._sent(call, shown, link)}"
        goes_on = [signal for signal in shown if signal in self._links.follow]
        if goes_on and depth == _LONGEST:
            yield f"{line}{SURE}…"
        elif goes_on:
            for signal in goes_on:
                for after in self._links.follow[signal]:
                    yield from self._paths(*after, line, depth + 1)
        else:
            alone = len(shown) == 1 and call[0].to is not Sent.GROUP
            yield f"{line}{SURE}dies" if alone and self._dies_of(shown[0]) else line

    def _worth_telling(self, signal: Signal, call: Call) -> bool:
        """Not a sender that ignores its own; nor who was dying already, of several or of this."""
        to_itself = signal.sender is not None and signal.sender == signal.receiver
        if to_itself and signal.disposition is Disposition.IGNORED:
            return False
        receiver = self._receiver_of(signal)
        if receiver is None or not self._was_dying(signal):
            return True
        several = signal.to in (Sent.GROUP, Sent.EVERYBODY) or len(call) > 1
        sentence = self._sentences.of(receiver)
        return not several and (sentence is None or sentence.sender != signal.sender)

    # -- words

    def _beginning(self, call: Call, link: Link) -> str:
        """What a chain begins with that does not begin with a signal that somebody caught."""
        by = "" if link.by is None else visible(link.by.role)
        match link.why:
            case Why.CHILD:
                return f"{by} died of {call[0].signal}"
            case Why.LEADER:
                return f"{by}, the leader of its session, has ended"
            case Why.UNASKED | Why.TERMINAL:
                return self._what_came_before(call[0].at_ms)
            case Why.CAUGHT | Why.STARTED | Why.BELOW:
                return ""
            case _:
                assert_never(link.why)

    def _what_came_before(self, at_ms: float) -> str:
        """The last step of the cancellation: the signal that it was to somebody, or its words."""
        fired = [f for f in self._observation.fired if f.at_ms <= at_ms]
        if not fired:
            return ""
        sent = [
            signal
            for call, link in self._links.calls
            for signal in call
            if link is None and fired[-1].at_ms <= signal.at_ms < at_ms
        ]
        if not sent:
            return visible(fired[-1].what)
        return f"{self._received(sent[0])}{f'{SURE}dies' if self._dies_of(sent[0]) else ''}"

    def _sender(self, first: Signal, link: Link) -> str:
        name = visible(first.sender_role)
        sender = None if first.sender is None else self._processes.get(first.sender)
        unasked = name if link.signalled else f"{name}, which got no signal itself,"
        by = "" if link.by is None else visible(link.by.role)
        match link.why:
            case Why.CAUGHT | Why.CHILD:
                return name
            case Why.STARTED:
                its_own = (
                    sender is not None and link.by is not None and sender.parent == link.by.key
                )
                return (
                    f"{by} starts {name}, which" if its_own else f"below {by} {name}, started then,"
                )
            case Why.BELOW | Why.UNASKED:
                far = sender is not None and sender.far and link.why is Why.UNASKED
                return f"on the other host {unasked}" if far else unasked
            case Why.LEADER | Why.TERMINAL:
                found = place(first, self._processes)
                assert found is not None
                closed = first.signal == "HUP" and link.why is Why.TERMINAL
                said = visible(terminal(found, self._given))
                return f"{said} is closed, and" if closed else said
            case _:
                assert_never(link.why)

    def _sent(self, call: Call, shown: list[Signal], link: Link) -> str:
        first = shown[0]
        sends = f"{self._sender(first, link)} sends {first.signal}"
        if first.error is not None:
            return f"{sends} to {_addressed(first)}: {_refused(first.error)}"
        several = {Sent.GROUP: " to the group", Sent.EVERYBODY: " to everybody"}.get(first.to)
        if several is None and len(call) == 1:
            return f"{sends} to {self._receiver(first)}"
        told = [f"{self._receiver(s)}{' dies' if self._dies_of(s) else ''}" for s in shown]
        return f"{sends}{several or ''}: {listed(counted(told), most=6)}"

    def _received(self, signal: Signal) -> str:
        return f"{signal.signal} to {self._receiver(signal)}"

    def _receiver(self, signal: Signal) -> str:
        """With what the signal met: ``child (default)``."""
        to_itself = signal.sender is not None and signal.sender == signal.receiver
        name = "itself" if to_itself else visible(signal.receiver_role)
        return f"{name} ({self._met(signal)})"

    def _met(self, signal: Signal) -> str:
        receiver = self._receiver_of(signal)
        if receiver is None or signal.disposition is not Disposition.PENDING:
            return signal.disposition.value
        if facts.blocks(receiver, signal):
            return "blocked"
        if self._sentences.waited_for(receiver, signal):
            return "waited for"
        return "already dying" if self._was_dying(signal) else "pending"

    # -- what became of a signal

    def _was_dying(self, signal: Signal) -> bool:
        receiver = self._receiver_of(signal)
        return receiver is not None and self._sentences.was_dying(receiver, signal)

    def _receiver_of(self, signal: Signal) -> Process | None:
        return None if signal.receiver is None else self._processes.get(signal.receiver)

    def _dies_of(self, signal: Signal) -> bool:
        receiver = self._receiver_of(signal)
        if receiver is None or receiver.end is None or not facts.ends_by_default(signal):
            return False
        return receiver.end.signal == signal.signal

    def _not_relayed(self) -> Iterator[str]:
        """Launchers that were signalled while the job, still there, got nothing from anybody."""
        job = self._links.job
        since = facts.since_ms(self._observation)
        if job is None or (job.ended_ms is not None and job.ended_ms <= since):
            return
        signals = [signal for call, _ in self._links.calls for signal in call]
        if any(s.receiver == job.key and s.sender != job.key for s in signals):
            return
        for call, link in self._links.calls:
            for signal in call if link is None else ():
                if signal.receiver not in self._links.launchers:
                    continue
                dies = f"{SURE}dies" if self._dies_of(signal) else ""
                yield f"{self._received(signal)}{dies}, and {visible(job.role)} gets no signal"


def _arrow(link: Link) -> str:
    """Whether the trace shows the link or only what came first."""
    return SURE if link.why in (Why.CAUGHT, Why.STARTED, Why.LEADER) else LATER


def _addressed(signal: Signal) -> str:
    return "the group" if signal.to is Sent.GROUP else visible(signal.receiver_role)


def _refused(error: str) -> str:
    known = {"EPERM": "refused (EPERM)", "ESRCH": "nobody is there (ESRCH)"}
    return known.get(error, error)

"""Relays: a process that catches a signal and sends one on."""

from __future__ import annotations

from collections.abc import Iterator

from aftercancel.judge import facts
from aftercancel.judge.words import visible
from aftercancel.model import Disposition, Observation, Process, Signal

_MOST = 20


def relays(observation: Observation) -> tuple[str, ...]:
    """Each chain as a line: ``TERM to job (caught) → job sends TERM to child (default) → dies``."""
    processes = {p.key: p for p in observation.processes}
    signals = sorted(facts.effects(observation), key=lambda s: s.at_ms)
    follows = _follow_ups(signals)
    sent_on = {i for later in follows.values() for i in later}
    chains = [
        " → ".join([_received(signals[i]), *rest])
        for i in follows
        if i not in sent_on
        for rest in _paths(i, signals, follows, processes)
    ]
    unique = tuple(dict.fromkeys(chains))
    if len(unique) > _MOST:
        return (*unique[:_MOST], f"… and {len(unique) - _MOST} more")
    return unique


def _follow_ups(signals: list[Signal]) -> dict[int, list[int]]:
    """Caught signals, by index, with those that their receivers sent after them.

    A signal belongs to the last one that its sender had caught by then.
    """
    last_caught: dict[int, int] = {}
    found: dict[int, list[int]] = {}
    for i, signal in enumerate(signals):
        if signal.sender is not None and signal.sender in last_caught:
            found.setdefault(last_caught[signal.sender], []).append(i)
        if signal.disposition is Disposition.CAUGHT and signal.receiver is not None:
            last_caught[signal.receiver] = i
    return found


def _paths(
    start: int,
    signals: list[Signal],
    follows: dict[int, list[int]],
    processes: dict[int, Process],
) -> Iterator[list[str]]:
    for i in follows[start]:
        step = _sent(signals[i])
        if i in follows:
            for rest in _paths(i, signals, follows, processes):
                yield [step, *rest]
        else:
            yield [step, *_effect(signals[i], processes)]


def _received(signal: Signal) -> str:
    return f"{signal.signal} to {visible(signal.receiver_role)} ({signal.disposition})"


def _sent(signal: Signal) -> str:
    to_itself = signal.sender is not None and signal.sender == signal.receiver
    receiver = "itself" if to_itself else visible(signal.receiver_role)
    met = signal.error or signal.disposition
    return f"{visible(signal.sender_role)} sends {signal.signal} to {receiver} ({met})"


def _effect(signal: Signal, processes: dict[int, Process]) -> list[str]:
    receiver = None if signal.receiver is None else processes.get(signal.receiver)
    fatal = facts.ends_by_default(signal) and receiver is not None
    if fatal and receiver is not None and receiver.end is not None:
        return ["dies"] if receiver.end.signal == signal.signal else []
    return []

"""Which signals a fingerprint holds, and what it says of each.

- A signal to a process that was dying already is left out: whether its sender still finds it, and
  what the call then says, is a matter of microseconds (a handler's ``kill $child`` after the whole
  group was signalled).
- Of two fatal signals that come at once the kernel may carry out either (signal(7): the lower
  number first), so the first to be generated counts as the death sentence.
- What does nothing unless it is caught (CONT, WINCH) is left out where it is not.
- Of what a process sends itself it is a finding that it did, not by which call: whether timeout
  dies of the signal that it sent its own group or of the one that it raises afterwards depends on
  when it learns of its child's end. What it ignores of its own is left out.
- One signal that comes from two senders at once (the runner's to the group, make's to its child)
  is taken once or twice (signal(7): standard signals do not queue), and the second may come before
  or after the handler of the first has set another disposition. So the second is held without
  what it met.
- Not even that where its receiver was gone soon after: nor of any other signal that came at once
  after one that a handler took (timeout's CONT behind its TERM).
- One that was caught, by a process that then died of another, is held as caught, whether its
  handler still ran or not.
- What the kernel sends to a launcher that has no process left below it is left out: it is about to
  end, and a terminal that is closed meanwhile (sudo's) may still find it or not.
- Of a process that only came after the cell was armed and has no role, only what ended it.
- With evidence from /proc, signals are not seen.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from aftercancel.judge import facts
from aftercancel.judge.prints import SignalPrint
from aftercancel.judge.sentences import Sentences
from aftercancel.model import Disposition, Evidence, Observation, Process, Sent, Signal

_AGAIN = "again"
_ITSELF = "itself"


def signal_prints(
    observation: Observation, counted: Mapping[int, Process], sentences: Sentences
) -> tuple[SignalPrint, ...]:
    """The signals that were promised; ``counted`` are the processes that are."""
    if observation.evidence is Evidence.PROC:
        return ()
    leaving = _Leaving(observation)
    found: set[SignalPrint] = set()
    for key, signals in facts.by_receiver(observation).items():
        if key is None:
            found |= {_print(s) for s in signals if s.error != "ESRCH"}
        elif key == facts.RUNNER_KEY:
            found |= {_print(s) for s in signals}
        elif key in counted:
            process = counted[key]
            promised = [
                s
                for s in signals
                if s is sentences.of(process)
                or not (
                    sentences.was_dying(process, s)
                    or not facts.notable(s)
                    or _came_later(process, observation)
                    or leaving.left_open(process, s)
                )
            ]
            found |= set(_prints(process, promised, sentences.of(process)))
    return tuple(sorted(found))


def _came_later(process: Process, observation: Observation) -> bool:
    """Whether it came after the cell was armed and nobody named it: who that is, is chance."""
    armed = observation.armed_ms
    return armed is not None and process.started_ms > armed and not facts.has_role(process)


def told_twice_at_once(observation: Observation) -> frozenset[str]:
    """The roles whose handler may have run once or twice for one signal from two senders."""
    found = set()
    for key, signals in facts.by_receiver(observation).items():
        seconds = _seconds(signals)
        again = [s for s in signals if id(s) in seconds and seconds[id(s)].signal == s.signal]
        if key is not None and again:
            found.add(again[0].receiver_role)
    return frozenset(found)


def _prints(
    process: Process, signals: Iterable[Signal], sentence: Signal | None
) -> Iterator[SignalPrint]:
    signals = list(signals)
    seconds = _seconds(signals)
    first = {_route(_print(s)) for s in signals if id(s) not in seconds}
    for signal in signals:
        made = _print(_as_caught(process, signal), is_sentence=signal is sentence)
        if made.to == _ITSELF and made.disposition in ("ignored", "pending"):
            continue
        if signal is sentence or id(signal) not in seconds:
            yield made
        elif not _soon_gone(process, signal):
            if seconds[id(signal)].signal != signal.signal:
                yield made
            elif _route(made) not in first:
                yield replace(made, disposition=_AGAIN)


def _seconds(signals: Iterable[Signal]) -> dict[int, Signal]:
    """By ``id``, the signals that came at once after one that a handler took, and that one.

    Of those before it, one of the same name if there is one.
    """
    caught: dict[str, Signal] = {}
    found = {}
    for signal in sorted(signals, key=lambda s: s.at_ms):
        recent = {n: s for n, s in caught.items() if signal.at_ms - s.at_ms < facts.MARGIN_MS}
        if recent:
            found[id(signal)] = recent.get(signal.signal) or next(iter(recent.values()))
        if signal.disposition is Disposition.CAUGHT and signal.sender != signal.receiver:
            caught.setdefault(signal.signal, signal)
    return found


def _as_caught(process: Process, signal: Signal) -> Signal:
    known = process.dispositions
    too_late = signal.disposition is Disposition.PENDING and _soon_gone(process, signal)
    if too_late and known is not None and signal.signal in known.caught:
        return replace(signal, disposition=Disposition.CAUGHT)
    return signal


def _soon_gone(process: Process, signal: Signal) -> bool:
    return process.ended_ms is not None and process.ended_ms - signal.at_ms < facts.MARGIN_MS


def _route(made: SignalPrint) -> tuple[str, ...]:
    return (made.sender, made.receiver, made.signal, made.to, made.call)


def _print(signal: Signal, *, is_sentence: bool = False) -> SignalPrint:
    """A death sentence met the default, even where another was carried out."""
    met = Disposition.DEFAULT if is_sentence else signal.disposition
    to_itself = signal.sender is not None and signal.sender == signal.receiver
    return SignalPrint(
        sender=signal.sender_role,
        receiver=signal.receiver_role,
        signal=signal.signal,
        to=_ITSELF if to_itself else signal.to.value,
        call="" if to_itself else signal.call,
        disposition=met.value,
        error=signal.error or "",
    )


class _Leaving:
    """Launchers without anything left to launch."""

    def __init__(self, observation: Observation) -> None:
        below: dict[int | None, list[Process]] = {}
        for process in facts.of_the_job(observation):
            below.setdefault(process.parent, []).append(process)
        self._below = below
        self._launchers = facts.launchers(observation)

    def left_open(self, process: Process, signal: Signal) -> bool:
        if signal.to is not Sent.KERNEL or process.key not in self._launchers:
            return False
        children = self._below.get(process.key, [])
        return all(c.ended_ms is not None and c.ended_ms <= signal.at_ms for c in children)

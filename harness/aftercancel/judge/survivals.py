"""Why a process lived on, as far as its signals explain it."""

from __future__ import annotations

from collections.abc import Iterator

from aftercancel.judge import facts
from aftercancel.judge.words import listed, visible
from aftercancel.model import Disposition, Evidence, Observation, Process, Sent, Signal


def why_it_lived(process: Process, observation: Observation, sent: facts.ByReceiver) -> str:
    """What it did about its signals, or why it had none."""
    if observation.evidence is Evidence.PROC:
        return "who signalled it cannot be known from /proc"
    reasons = [_survived(process, s) for s in sent.get(process.key, []) if facts.notable(s)]
    reasons += [
        f"{visible(s.sender_role)} could not send it {s.signal} ({s.error})"
        for s in sent.get(None, [])
        if s.receiver_role == process.role
    ]
    reasons = reasons or list(_passed_by(process, observation))
    return listed(list(dict.fromkeys(reasons))) or "nobody signalled it"


def _survived(process: Process, signal: Signal) -> str:
    sent = f"{signal.signal} from {visible(signal.sender_role)}"
    if signal.disposition is Disposition.IGNORED:
        return f"it ignored {sent}"
    if signal.disposition is Disposition.CAUGHT:
        return f"it caught {sent} and went on"
    if signal.disposition is Disposition.PENDING and facts.blocks(process, signal):
        return f"it blocked {sent}"
    if signal.disposition is Disposition.PENDING:
        return f"{sent} never reached it"
    if signal.signal in facts.STOPPING:
        return f"{sent} stopped it"
    return f"{sent} had not ended it yet"


def _passed_by(process: Process, observation: Observation) -> Iterator[str]:
    """kill(2): a call to a group succeeds if one member may be signalled; it leaves out the others."""
    by_key: dict[int | None, Process] = {p.key: p for p in observation.processes}
    for signal in facts.effects(observation):
        sender, receiver = by_key.get(signal.sender), by_key.get(signal.receiver)
        addressed = signal.to is Sent.GROUP and facts.notable(signal) and signal.signal != "CONT"
        if not addressed or sender is None or receiver is None:
            continue
        same_group = (process.far, process.group) == (receiver.far, receiver.group)
        others = sender.user not in ("", "root", process.user)
        if same_group and others and process.user and process.started_ms < signal.at_ms:
            yield (
                f"{signal.signal} from {visible(sender.role)} to its group passed it by, since "
                f"{visible(sender.user)} may not signal what {visible(process.user)} runs"
            )

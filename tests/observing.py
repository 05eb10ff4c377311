"""Words to build observations with, so that a test says only what it is about.

A cell is told as a list of processes and what befell them; times are milliseconds from the
cancellation. Unless a test says otherwise the job is cancelled by TERM to its group at 0, and the
runner reports at 5.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from aftercancel.judge import differences, fingerprint, judged
from aftercancel.model import (
    Decided,
    Declared,
    Disposition,
    Dispositions,
    End,
    Evidence,
    Fired,
    Mark,
    Observation,
    Outcome,
    Process,
    Report,
    Said,
    Sent,
    Signal,
    Trouble,
    TroubleKind,
)

CELL = "exit-trap/bash/none/plain/TERM-group"
AT_REST = Dispositions((), (), ())


def process(
    role: str,
    *argv: str,
    key: int = 1,
    ended: float | None = None,
    status: int | None = None,
    signal: str | None = None,
    **more: Any,
) -> Process:
    """A process that was at rest when the cancellation came."""
    words = argv or ("/bin/sleep", "600")
    end = None if ended is None else End(status, signal)
    made = Process(
        key=key,
        role=role,
        program=words[0].rsplit("/", 1)[-1],
        argv=words,
        user="ci",
        parent=0 if key == 1 else 1,
        pid=key + 2,
        group=3,
        session=3,
        terminal=None,
        dispositions=AT_REST,
        started_ms=-100.0 + key,
        ended_ms=ended,
        end=end,
    )
    return replace(made, **more)


def job(*, dies_at: float = 1.0, of: str = "TERM", **more: Any) -> Process:
    """The job's shell; unless told otherwise TERM ends it at once."""
    kind: dict[str, Any] = {"ended": dies_at, "signal": of, "doomed_ms": 0.1}
    return process("job", "/bin/bash", "/lab/job.sh", **{**kind, **more})


def child(*, key: int = 2, **more: Any) -> Process:
    """The job's child; unless told otherwise TERM ends it at once."""
    kind: dict[str, Any] = {"ended": 1.2, "signal": "TERM", "doomed_ms": 0.1}
    return process("child", key=key, **{**kind, **more})


def launcher(role: str = "sudo", *, key: int = 1, **more: Any) -> Process:
    """What stands between runner and job; unless told otherwise it catches TERM, and ends."""
    catches = Dispositions(("HUP", "INT", "TERM"), (), ())
    kind: dict[str, Any] = {"ended": 4.0, "status": 143, "dispositions": catches}
    return process(role, f"/usr/bin/{role}", "job.sh", key=key, **{**kind, **more})


def survivor(role: str = "child", *, key: int = 2, **more: Any) -> Process:
    """A process that was still there when the cell was decided."""
    return process(role, key=key, **more)


RUNNER = process("runner", "runner", key=0, parent=None, ended=None)


def sent(
    signal: str,
    by: Process | None,
    to: Process | None,
    met: Disposition = Disposition.DEFAULT,
    at: float = 0.1,
    **more: Any,
) -> Signal:
    """A signal from one process (None: the kernel) to another."""
    made = Signal(
        at_ms=at,
        signal=signal,
        sender=None if by is None else by.key,
        sender_role="kernel" if by is None else by.role,
        receiver=None if to is None else to.key,
        receiver_role="nobody" if to is None else to.role,
        to=Sent.KERNEL if by is None else Sent.PROCESS,
        call="kernel" if by is None else "kill",
        disposition=met,
        delivered_ms=None if met is Disposition.PENDING else at,
    )
    return replace(made, **more)


def to_group(signal: Signal) -> Signal:
    """The same, as one of those that a call to a group makes."""
    return replace(signal, to=Sent.GROUP)


def says(name: str, at: float = 2.0, role: str | None = "job") -> Mark:
    """A mark."""
    return Mark(at, role, name)


def cell(*processes: Process, **more: Any) -> Observation:
    """An observation of these processes, the runner beside them."""
    alive = any(p.ended_ms is None for p in processes)
    made = Observation(
        cell=CELL,
        evidence=Evidence.TRACE,
        armed_ms=-10.0,
        fired=(Fired(0.0, "TERM to group"),),
        decided_ms=700.0,
        decided=Decided.AT_REST if alive else Decided.ALL_GONE,
        processes=(RUNNER, *processes),
        report=Report(5.0, Said.CANCELLED, End(signal="TERM")),
    )
    return replace(made, **more)


def with_cleanup(
    *marks: Mark, removes: tuple[str, ...] = (), processes: Any = None, **more: Any
) -> Observation:
    """A job whose EXIT trap is its clean-up."""
    declared = Declared(("EXIT begin", "EXIT end"), "EXIT", removes)
    return cell(*(processes or (job(), child())), marks=marks, declared=declared, **more)


def ended_by_itself(*processes: Process, said: Said, status: int = 0, **more: Any) -> Observation:
    """A cell without a cancellation."""
    made = cell(*processes, fired=(), report=Report(5.0, said, End(status)))
    return replace(made, cell=CELL.replace("TERM-group", "end"), **more)


def trouble(kind: TroubleKind = TroubleKind.NOT_ARMED, words: str = "no mark") -> Observation:
    """A cell that could not be measured."""
    return cell(job(), child(), trouble=Trouble(kind, words))


def verdict(observation: Observation) -> Outcome:
    return judged(observation)


def same(one: Observation, other: Observation) -> bool:
    """Whether both are one behaviour; the text of their fingerprints must say so too."""
    prints = fingerprint(one), fingerprint(other)
    assert (prints[0] == prints[1]) is (prints[0].text == prints[1].text)
    assert (prints[0] == prints[1]) is (not differences(*prints))
    return prints[0] == prints[1]

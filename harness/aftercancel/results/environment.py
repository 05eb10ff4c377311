"""What a run was made with, as pairs of a name and words for a person."""

from __future__ import annotations

from collections.abc import Iterator

from aftercancel.results.record import Record


def environment(record: Record) -> tuple[tuple[str, str], ...]:
    """Versions first, then the machine, then how the run was asked for."""
    return tuple(_pairs(record))


def stable(record: Record) -> tuple[tuple[str, str], ...]:
    """The versions alone: what is the same on another day, and on another machine of this kind."""
    return tuple(_versions(record))


def _pairs(record: Record) -> Iterator[tuple[str, str]]:
    machine = record.machine
    yield from _versions(record)
    yield "Python of aftercancel", record.python
    yield "kernel", machine.kernel
    yield (
        "machine",
        (f"{machine.host}, {machine.processors} processors, {machine.memory_mb:,} MB of memory"),
    )
    yield "began", record.started
    if record.ended is not None:
        yield "ended", record.ended
    yield "arguments", " ".join(record.arguments[1:])
    yield "evidence", record.evidence or "the kernel's trace where it can be had, else /proc"
    if record.settle_s is not None:
        yield "settle time", f"{record.settle_s:g} s"
    if record.repeat > 1:
        yield "repeated", f"{record.repeat} times"
    if record.workers:
        yield "worker processes", str(record.workers)
    for name, value in sorted(record.place.items()):
        yield f"place: {name}", str(value)


def _versions(record: Record) -> Iterator[tuple[str, str]]:
    yield "aftercancel", record.aftercancel
    yield "distribution", f"{record.machine.distribution}, {record.machine.architecture}"
    for name, version in record.shells.items():
        yield f"shell {name}", version
    for name, version in record.programs.items():
        yield f"program {name}", version

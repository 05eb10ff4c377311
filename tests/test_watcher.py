"""Which cell an event of the kernel's trace is given to."""

from __future__ import annotations

from typing import cast

from aftercancel.executor.events import Event, Execed, Exited, Forked
from aftercancel.executor.history import History
from aftercancel.executor.names import Named
from aftercancel.executor.trace import Trace
from aftercancel.executor.watcher import Follower, TraceWatcher

INIT, RUNNER, PROGRAM, THREAD, CHILD = 1, 10, 20, 21, 30


class NoProc:
    """Answers as /proc does for processes that have gone."""

    def at_exec(self, pid: int, at_ns: int) -> Named:
        return Named((), None, looked_ns=at_ns)


class Told:
    """A trace that says what it is told to."""

    def __init__(self, *events: Event) -> None:
        self.lost = False
        self._events = list(events)

    def read(self) -> tuple[int, list[Event]]:
        events, self._events = self._events, []
        return 1_000, events


def followed(*events: Event) -> History:
    """The history of a cell whose runner has started a program, and what happened then."""
    started = (
        Forked(1, INIT, RUNNER, thread=False),
        Forked(2, RUNNER, PROGRAM, thread=False),
        Execed(3, PROGRAM, PROGRAM, "/usr/bin/agent"),
    )
    watcher = TraceWatcher(cast("Trace", Told(*started, *events)))
    history = History(INIT, NoProc(), lambda process: process.key == 1)
    with watcher.follow(Follower(INIT, history, watcher.clock)):
        watcher.turn()
    return history


def test_a_program_that_another_thread_than_the_leader_becomes_is_still_followed() -> None:
    """execve(2): the leader ends, and its number goes to the thread that made the call."""
    history = followed(
        Forked(4, PROGRAM, THREAD, thread=True),
        Exited(5, PROGRAM),
        Execed(6, PROGRAM, THREAD, "/usr/bin/worker"),
        Forked(7, PROGRAM, CHILD, thread=False),
    )
    assert [(p.pid, p.program) for p in history.processes][1:] == [
        (PROGRAM, "worker"),
        (CHILD, "worker"),
    ]
    assert history.processes[1].lives


def test_what_belongs_to_no_cell_is_given_to_none() -> None:
    history = followed(Forked(4, 99, 100, thread=False))
    assert [p.pid for p in history.processes] == [RUNNER, PROGRAM]

"""A measurement's own doubt: two kinds of evidence that do not agree are no evidence."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
from collections.abc import Iterator

import pytest

from aftercancel.executor import measure
from aftercancel.executor.equipment import Equipment, Slot
from aftercancel.executor.events import Forked
from aftercancel.executor.history import History
from aftercancel.executor.names import AskedNow
from aftercancel.executor.sandbox import Sandbox
from aftercancel.executor.watcher import Clock, Follower, ProcWatcher
from aftercancel.executor.zygote import Zygote
from aftercancel.model import Decided, Trouble, TroubleKind
from tests.real.vocabulary import cell

PARENT = "import subprocess, sys; p = subprocess.Popen(['sleep', '600']); print(p.pid); p.wait()"


@pytest.fixture
def tree() -> Iterator[tuple[int, int]]:
    """A process, for a sandbox's PID 1, and its one living child."""
    with subprocess.Popen(
        [sys.executable, "-u", "-c", PARENT], stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        try:
            yield parent.pid, child
        finally:
            os.kill(child, 9)


def doubt(init_pid: int, *known: int) -> Trouble | None:
    """What the measurement says when the history knows these survivors."""

    async def ask() -> Trouble | None:
        ours, theirs = socket.socketpair()
        with ours, theirs:
            equipment = Equipment(
                zygote=Zygote(0, theirs),
                watcher=ProcWatcher(),
                marker=None,
                settle_s=1.0,
                arming=asyncio.Semaphore(),
                arming_standing=asyncio.Semaphore(),
                arming_engines=asyncio.Semaphore(),
                keys=str,
            )
            history = History(init_pid, AskedNow(), lambda process: process.key == 1)
            history.add(Forked(1, init_pid, 999_999_999, thread=False))
            for pid in known:
                history.add(Forked(2, 999_999_999, pid, thread=False))
            clock = Clock()
            clock.turn(2**62)  # everything has been read
            follower = Follower(init_pid, history, clock)
            measurement = measure.Measurement(cell(""), Slot(0, 0, None), equipment)
            measurement._decide(follower, Decided.AT_REST)
            return await measurement._disagreement(Sandbox(init_pid, -1, ours), follower)

    return asyncio.run(ask())


def test_survivors_that_both_know_are_believed(tree: tuple[int, int]) -> None:
    init, child = tree
    assert doubt(init, child) is None


def test_a_survivor_that_the_evidence_missed_is_a_trouble(
    tree: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(measure, "_EXITING_S", 0.05)
    found = doubt(tree[0])
    assert found is not None
    assert found.kind is TroubleKind.EXECUTOR


def test_a_survivor_that_proc_does_not_have_is_a_trouble(tree: tuple[int, int]) -> None:
    found = doubt(tree[0], tree[1], 999_999_998)
    assert found is not None
    assert "disagrees" in found.words

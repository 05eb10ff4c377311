"""Forks sandboxes: a small process that does nothing else.

fork(2) costs what the forking process has in memory, in the parent as well as in the child, and a
process that goes on working pays for every page that it touches again. So the executor, which has
an event loop and a trace to read, does not fork: it asks this one, which was forked before any of
that was imported (measured: ``benchmarks/``).

A request is a length, a pickled (arrangement, assignment), and the control socket's descriptor;
the answer is the pid of the new PID 1, with a pidfd of it.
"""

from __future__ import annotations

import contextlib
import gc
import os
import pickle
import signal
import socket
import struct
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import NoReturn, assert_never

from aftercancel.executor import dockerd, linux
from aftercancel.executor.arrange import Arrangement, Run, become_init, never_return, prepare
from aftercancel.executor.hosts import Orders, fork_into_pid_namespace
from aftercancel.executor.limits import Group, Groups
from aftercancel.executor.rootfs import Layers
from aftercancel.runners import plain
from aftercancel.runners.standing import Standing, bring_all

_NUMBER = struct.Struct("=q")

Assigned = plain.Assignment | Standing
"""What runs jobs in the sandbox: the plain runner, or a steward with a real one."""


class Zygote:
    """The executor's end."""

    def __init__(self, pid: int, channel: socket.socket) -> None:
        self.pid = pid
        self._channel = channel

    def spawn(
        self, arrangement: Arrangement, assignment: Assigned, control: socket.socket
    ) -> tuple[int, int]:
        """A new sandbox's PID 1, in our PID namespace, and a pidfd of it.

        Waits for the answer (a fork's time, and once that of importing what drives runners), so that no event of the new process can be read
        before the caller knows whose it is.
        """
        request = pickle.dumps((arrangement, assignment))
        socket.send_fds(self._channel, [_NUMBER.pack(len(request))], [control.fileno()])
        self._channel.sendall(request)
        answer, fds, _, _ = socket.recv_fds(self._channel, _NUMBER.size, 1)
        if not answer:
            raise OSError("the process that forks sandboxes has ended")
        if not fds:
            os.kill(_NUMBER.unpack(answer)[0], signal.SIGKILL)
            raise OSError("no descriptor is left for another sandbox")
        return _NUMBER.unpack(answer)[0], fds[0]

    def close(self) -> None:
        """Let go of it: it ends when the last one has."""
        self._channel.close()


@dataclass(frozen=True, slots=True)
class Zygotes:
    """The one whose sandboxes are cut in their rights, and the one for container engines.

    A capability that has left the bounding set never comes back (capabilities(7)), and an engine
    needs them all; its sandbox cuts the rights of what it starts beside the engine.
    """

    cut: Zygote
    uncut: Zygote

    @property
    def pids(self) -> tuple[int, ...]:
        return self.cut.pid, self.uncut.pid

    def spawn(
        self, arrangement: Arrangement, assignment: Assigned, control: socket.socket
    ) -> tuple[int, int]:
        """See ``Zygote.spawn``."""
        zygote = self.cut if arrangement.engine is None else self.uncut
        return zygote.spawn(arrangement, assignment, control)

    def close(self) -> None:
        """Let go of both."""
        self.cut.close()
        self.uncut.close()


def start(layers: Layers, groups: Groups) -> Zygotes:
    """Fork both from the calling process, which is still small."""
    return Zygotes(
        *(_start(partial(_serve, layers=layers, groups=groups, cut=cut)) for cut in (True, False))
    )


def _start(serve: Callable[[socket.socket], NoReturn]) -> Zygote:
    ours, theirs = socket.socketpair()
    pid = os.fork()
    if pid == 0:
        # The other zygote's channel too: it must end when the executor lets go of it.
        linux.close_all_but(frozenset({theirs.fileno()}))
        never_return(lambda: serve(theirs))
    theirs.close()
    return Zygote(pid, ours)


def _serve(channel: socket.socket, *, layers: Layers, groups: Groups, cut: bool) -> NoReturn:
    linux.die_with_parent(signal.SIGKILL)
    prepare(cut=cut)
    if not cut:
        dockerd.image()
    # Not the executor's ends; and no descriptor of a cell's may get one of their numbers.
    nothing = os.open("/dev/null", os.O_RDWR)
    for fd in (0, 1):
        os.dup2(nothing, fd)
    os.close(nothing)
    slots: dict[tuple[int, bool], Group | None] = {}
    gc.collect()
    gc.freeze()
    gc.disable()
    while True:
        length, fds, _, _ = socket.recv_fds(channel, _NUMBER.size, 1)
        if not length:
            # The executor has gone; the sandboxes go with us (PR_SET_PDEATHSIG).
            os._exit(0)
        _reap_ended()
        request = _exactly(channel, _NUMBER.unpack(length)[0])
        arrangement, assignment = pickle.loads(request)  # noqa: S301  # from our own executor
        has_engine = arrangement.engine is not None
        slot = arrangement.slot, has_engine
        if slot not in slots:
            slots[slot] = groups.slot(arrangement.slot, roomy=arrangement.roomy, engine=has_engine)
        group = slots[slot]
        with socket.socket(fileno=fds[0]) as control:
            run_runner = _runner(assignment)
            become = partial(become_init, layers, arrangement, group, control, run_runner)
            pid = fork_into_pid_namespace(become)
        init_fd = os.pidfd_open(pid)
        socket.send_fds(channel, [_NUMBER.pack(pid)], [init_fd])
        os.close(init_fd)


def _runner(assignment: Assigned) -> Run:
    match assignment:
        case plain.Assignment():
            return lambda control, orders: plain.serve(control, assignment, orders)
        case Standing():
            # By us, and kept, before the fork: each instance would take 0.2 s of processor time for
            # it, and its sandbox has nothing to import from. All at once, since the executor waits
            # for us: before the first cell of a runner begins. What fails here fails there again.
            with contextlib.suppress(Exception):
                bring_all()

            def run_runner(control: socket.socket, orders: Orders) -> NoReturn:
                assignment.bring()(control, orders)

            return run_runner
        case _:
            assert_never(assignment)


def _reap_ended() -> None:
    """Zombies are harmless until then: what a sandbox held went before its PID 1 became one."""
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG) != (0, 0):
            pass


def _exactly(channel: socket.socket, length: int) -> bytes:
    parts = b""
    while len(parts) < length:
        part = channel.recv(length - len(parts))
        if not part:
            os._exit(0)
        parts += part
    return parts

"""One cell's sandbox, from outside."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Protocol

from aftercancel.executor.arrange import Arrangement
from aftercancel.executor.zygote import Assigned

_TEARDOWN_S = 30.0


class SandboxError(Exception):
    """The sandbox could not be arranged; the message says which step and why."""


class Spawner(Protocol):
    """What forks sandboxes (``zygote``)."""

    def spawn(
        self, arrangement: Arrangement, assignment: Assigned, control: socket.socket
    ) -> tuple[int, int]:
        """A new sandbox's PID 1, in our PID namespace, and a pidfd of it."""
        ...


@dataclass(frozen=True, slots=True)
class Sandbox:
    """A running sandbox."""

    init_pid: int
    """In the executor's PID namespace."""
    init_fd: int
    """A pidfd of it."""
    control: socket.socket
    """To the runner; a message a packet."""

    def root(self) -> str:
        """The sandbox's root, through /proc (proc(5), /proc/PID/root)."""
        return f"/proc/{self.init_pid}/root"


@contextlib.asynccontextmanager
async def open_sandbox(
    zygote: Spawner, arrangement: Arrangement, assignment: Assigned
) -> AsyncIterator[Sandbox]:
    """A sandbox whose runner starts the job; torn down, whatever happens inside."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours:
        with theirs:
            init_pid, init_fd = zygote.spawn(arrangement, assignment, theirs)
        try:
            ours.settimeout(0)
            yield Sandbox(init_pid, init_fd, ours)
        finally:
            try:
                with contextlib.suppress(ProcessLookupError):
                    signal.pidfd_send_signal(init_fd, signal.SIGKILL)
                await _gone(init_fd)
            finally:
                os.close(init_fd)


async def _gone(init_fd: int) -> None:
    """Until PID 1 is a zombie, which it becomes after everything else in its namespace."""
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    loop.add_reader(init_fd, ended.set)
    try:
        async with asyncio.timeout(_TEARDOWN_S):
            await ended.wait()
    except TimeoutError:
        raise SandboxError(
            f"the sandbox did not end within {_TEARDOWN_S:.0f} s of SIGKILL to its PID 1: "
            "a process in it cannot be killed (state D); look at /proc/PID/stack on the host"
        ) from None
    finally:
        loop.remove_reader(init_fd)

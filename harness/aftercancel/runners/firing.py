"""The steps of a cancellation, carried out by a runner of the lab's or by root for it."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import time
from collections.abc import Callable, Iterator
from typing import Any, assert_never

from aftercancel.model import Action, Channel, Sender, Step, Target
from aftercancel.runners.channels import Channels

_ANSWER_S = 5.0


class Firing:
    """One cancellation on its way. ``job`` is whom signals to the job's process go to."""

    def __init__(  # noqa: PLR0913, PLR0917  # one caller, which has them all at hand
        self,
        steps: tuple[Step, ...],
        channels: Channels,
        tell: Callable[..., None],
        ask: Callable[[str], None],
        root: socket.socket | None,
        far: socket.socket | None,
    ) -> None:
        self._steps = list(steps)
        self._channels = channels
        self._tell = tell
        self._ask = ask
        self._root = root
        self._far = far
        self._leaves: list[int] = []
        self._ended = 0
        self.job = 0
        self.group: int | None = None
        """The job's process group; None: the job leads it."""
        self.begun = False
        self._next_at = 0.0

    def begin(self) -> None:
        self.begun = True
        self._next_at = time.monotonic()

    def ended(self, pid: int) -> None:
        """That process has been waited for: its id may be another's from now on."""
        self._ended = pid

    def stop(self) -> None:
        """What has not been fired will not be."""
        self._steps.clear()

    def wait_s(self) -> float | None:
        """Until the next step; None: there is none to come."""
        if not self.begun or not self._steps:
            return None
        return max(0.0, self._next_at - time.monotonic())

    def fire_what_is_due(self) -> None:
        while self.begun and self._steps and time.monotonic() >= self._next_at:
            self._fire(self._steps.pop(0))

    def _fire(self, step: Step) -> None:
        match step.action:
            case Action.WAIT:
                self._next_at = time.monotonic() + step.seconds
            case Action.SIGNAL:
                self._signal(step)
            case Action.TYPE:
                self._do(f"type {step.keys!r}", lambda: self._type(step.keys or ""))
            case Action.SEND:
                verb = "request" if step.request else "send"
                keys = (step.keys or "").removesuffix("\n") if step.request else repr(step.keys)
                self._do(f"{verb} {keys}", lambda: self._send_input(step.keys or ""))
            case Action.CLOSE:
                assert step.channel is not None
                channel = step.channel
                self._do(f"close {channel.value}", lambda: self._close(channel))
            case Action.ASK:
                assert step.way is not None
                way = step.way
                self._do(f"ask for {way}", lambda: self._ask(way))
            case Action.START:
                assert step.to is not None
                self._do(f"start the {step.to.value} again", _refuse)
            case Action.RUN:
                command = list(step.command)
                self._do(" ".join(command), lambda: _ordered(self._root, run=command))
            case Action.RESTART:
                self._do("restart the engine", lambda: _ordered(self._root, restart=True))
            case _:
                assert_never(step.action)

    def _signal(self, step: Step) -> None:
        assert step.signal is not None and step.to is not None
        number = signal.Signals[f"SIG{step.signal}"]
        by = " by root" if step.by is Sender.ROOT else ""
        what = f"{step.signal} to {step.to.value}{by}"
        match step.to:
            case Target.PROCESS:
                self._do(what, lambda: self._send(self.job, number, step.by))
            case Target.GROUP:
                self._do(what, lambda: self._send(-self._group(), number, step.by))
            case Target.LEAF_FIRST:
                # One at a time, and never a process that came after the tree was read.
                if not self._leaves:
                    self._leaves = list(_children_first(self.job))
                pid = self._leaves.pop(0)
                self._do(f"{step.signal} leaf first", lambda: self._send(pid, number, step.by))
                if self._leaves:
                    self._steps.insert(0, step)
                    self._next_at = time.monotonic() + step.seconds
            case Target.CONNECTION:
                self._do(what, lambda: _ordered(self._far, signal=int(number)))
            case Target.RUNNER | Target.SERVER:
                self._do(what, _refuse)
            case _:
                assert_never(step.to)

    def _group(self) -> int:
        return self.job if self.group is None else self.group

    def _send(self, pid: int, number: signal.Signals, by: Sender) -> None:
        """kill(2)'s arguments: a negative ``pid`` is a group."""
        if pid == self._ended:
            raise ProcessLookupError(3, "the job's first process has ended")
        match by:
            case Sender.RUNNER:
                os.kill(pid, number)
            case Sender.ROOT:
                _ordered(self._root, pid=pid, signal=int(number))
            case _:
                assert_never(by)

    def _type(self, keys: str) -> None:
        if self._channels.master is None:
            raise OSError(9, "the job has no terminal")
        os.write(self._channels.master, keys.encode("latin-1"))

    def _send_input(self, keys: str) -> None:
        if self._channels.input is None:
            raise OSError(9, "the job's input is closed")
        os.write(self._channels.input, keys.encode("latin-1"))

    def _close(self, channel: Channel) -> None:
        match channel:
            case Channel.TERMINAL:
                if self._channels.master is not None:
                    self._channels.close(self._channels.master)
            case Channel.INPUT:
                self._channels.end_input()
            case Channel.OUTPUT:
                for fd in list(self._channels.outputs):
                    self._channels.close(fd)
            case Channel.LINK:
                _ordered(self._far, link=False)
            case _:
                assert_never(channel)

    def _do(self, what: str, action: Callable[[], Any]) -> None:
        at_ns = time.monotonic_ns()
        error = None
        try:
            action()
        except OSError as failure:
            error = os.strerror(failure.errno or 0)
        self._tell(fired={"at_ns": at_ns, "what": what, "error": error})


def _refuse() -> None:
    """What only a real runner has: programs of its own that can be ended and started again."""
    raise OSError(95, "there is no such program")  # EOPNOTSUPP


def _ordered(whom: socket.socket | None, **order: Any) -> None:
    """Have somebody else do it, and wait until it is done; raises its ``OSError``."""
    if whom is None:
        raise OSError(95, "there is nobody who could")  # EOPNOTSUPP
    whom.settimeout(_ANSWER_S)
    try:
        whom.send(json.dumps(order).encode())
        number = int(whom.recv(64) or b"32")  # EPIPE: it has ended
    except TimeoutError:
        whom.close()  # or a later order would get this one's answer
        raise OSError(110, "no answer") from None  # ETIMEDOUT
    if number:
        raise OSError(number, os.strerror(number))


def _children_first(pid: int) -> Iterator[int]:
    """The tree below and with ``pid``, by the parents that /proc names, children first."""
    below: dict[int, list[int]] = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            # Bytes: a codec would have to be imported, and the lab's Python is not in the sandbox.
            with contextlib.suppress(OSError), open(f"/proc/{name}/stat", "rb") as file:
                parent = int(file.read().rsplit(b")", 1)[1].split()[1])
                below.setdefault(parent, []).append(int(name))

    def walk(top: int) -> Iterator[int]:
        for child in sorted(below.get(top, [])):
            yield from walk(child)
        yield top

    return walk(pid)

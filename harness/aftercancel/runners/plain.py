"""The plain runner: our own fork, a new session for the job, nothing clever.

It is a process of its own inside the sandbox, user ``ci`` (root, where a launcher wants that), the
parent of the job, as real runners are: a signal sent from outside a PID namespace arrives with
sender 0, and one sent by root never meets EPERM, and sudo looks at both.

It says ``success`` when the job's first process exits with status 0, whatever it did before;
otherwise ``cancelled`` when a cancellation was fired, else ``failed``. Deciding by the exit status
is what runners do that were written around ``Process.wait`` (Jenkins Pipeline before
workflow-durable-task-step 1479, 2026, among them).

Models of other runners run in its place (``modelled``), with the same assignment.
"""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING, NoReturn, assert_never

from aftercancel.model import Action, Channel, Ends, Said, Step
from aftercancel.runners.modelled import ModelledRunner
from aftercancel.runners.running import Runner

if TYPE_CHECKING:
    from aftercancel.executor.hosts import Orders


@dataclass(frozen=True, slots=True)
class Assignment:
    """What the runner is to start and how to cancel it."""

    argv: tuple[str, ...]
    env: dict[str, str]
    cwd: str
    ignored: tuple[str, ...]
    ends: Ends
    terminal: bool
    steps: tuple[Step, ...]
    input: bytes | None = None
    """What is written to the job's input when it is armed; None: nothing."""
    input_ends: bool = True
    model: str = ""
    """Which model (``models``) runs in the plain runner's place; empty: none."""
    options: tuple[tuple[str, str], ...] = ()
    """What that model is told."""
    user: int | None = None
    """The user that the job becomes, where the runner is root and the job is not."""
    folder: str = ""
    """Where a model may keep files of its runner's own."""

    @property
    def holds_input(self) -> bool:
        """Whether the job's input must be something that can be written to, or closed."""
        return self.input is not None or any(
            step.channel is Channel.INPUT or step.action is Action.SEND for step in self.steps
        )


def serve(control: socket.socket, assignment: Assignment, orders: Orders) -> NoReturn:
    """Start the job, cancel it when told to, report its end; go on reading its output."""
    kind = ModelledRunner if assignment.model else PlainRunner
    kind(control, assignment, orders).run()


class PlainRunner(Runner):
    """Over when the first process has ended, or the output too (``Ends``)."""

    def _open_channels(self) -> tuple[int, int, int]:
        if self._assignment.terminal:
            return self._channels.open_terminal()
        return self._channels.open_pipes(holds_input=self._assignment.holds_input)

    def _become_job(self, ends: tuple[int, int, int]) -> NoReturn:
        os.setsid()
        self._channels.become_controlling(ends[0])
        self._exec(ends, self._assignment.argv, self._assignment.env)

    def _go_on(self) -> None:
        if self._ended is None or self._reported:
            return
        match self._assignment.ends:
            case Ends.PROCESS:
                over = True
            case Ends.OUTPUT:
                over = not self._channels.outputs
            case _:
                assert_never(self._assignment.ends)
        if over:
            fired = self._firing.begun and bool(self._assignment.steps)
            if self._ended.get("status") == 0:
                said = Said.SUCCESS
            else:
                said = Said.CANCELLED if fired else Said.FAILED
            self._report(said, self._ended)

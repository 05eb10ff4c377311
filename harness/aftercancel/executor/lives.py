"""What a cell's history is made of: its processes, signals and marks, as far as they have come.

Times are nanoseconds of CLOCK_MONOTONIC; process ids are those of the executor's PID namespace.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

from aftercancel.executor.events import Handler
from aftercancel.executor.procfs import Look

RUNNER = "runner"
JOB = "job"
ROOT = "root"
"""The init of the runner's host, which sends what root sends there."""
FAR_HOST = "far host"
"""The init of the other host."""
SERVER = "server"
STEWARD = ROOT
"""root's process that drives a real runner: what it sends, root sends."""
_NO_KEY = -1
_OF_ENGINES = ("conmon", "containerd-shim", "crun", "podman", "runc")
"""How the programs of container engines that stand above a container's processes begin."""


class Layout(Enum):
    """What the sandbox's PID 1 starts."""

    ONE_HOST = "one host"
    """The plain runner."""
    TWO_HOSTS = "two hosts"
    """Two inits (``hosts``)."""
    ENGINE = "engine"
    """A container engine, and then the plain runner."""


@dataclass(slots=True)
class ProcessHistory:
    """One process, as far as it has come."""

    key: int
    """Number in the order of start; negative: it belongs to the sandbox, not to the cell."""
    pid: int
    """In the executor's PID namespace."""
    parent: ProcessHistory | None
    role: str
    inherited: str | None
    """ROLE of the process that forked it: the same value says nothing of this one."""
    role_variable: str | None
    program: str
    argv: tuple[str, ...]
    started_ns: int
    threads: set[int] = field(default_factory=set)
    far: bool = False
    """Whether it is on the other host."""
    by_engine: bool = False
    """Whether a container engine started it, or what it started."""
    forked: int = 0
    """How many processes it has started."""
    argv_read: bool = True
    """Whether ``argv`` is its command line; if not, it had ended before that was looked at, and
    ``argv`` is its program's path alone."""
    execs: int = 0
    """How many programs it has become."""
    ended_ns: int | None = None
    doomed_ns: int | None = None
    fatal_signal: int | None = None
    exit_status: int | None = None
    exiting_ns: int | None = None
    """When it called exit_group(2)."""
    killed_ns: int | None = None
    """When it met a SIGKILL that nobody was seen to send."""
    at_fire: Look | None = None
    """At the moment of the cancellation."""
    last: Look | None = None
    """When it was last looked at."""

    @property
    def makes_containers(self) -> bool:
        """Whether it is containerd or a shim that stands there, or podman itself."""
        return self.program.startswith("containerd" if self.of_the_sandbox else "podman")

    @property
    def of_engine(self) -> bool:
        """Whether it is one of the engine's own programs: those that make and keep a container."""
        return self.by_engine and self.program.startswith(_OF_ENGINES)

    @property
    def lives(self) -> bool:
        return self.ended_ns is None

    @property
    def named(self) -> bool:
        """Whether somebody gave it a role, rather than its program or its parent."""
        return self.role not in (self.program, JOB) and not self.role.endswith(":fork")

    def is_below(self, above: ProcessHistory) -> bool:
        """Whether ``above`` started it, or what started it; or is it."""
        each: ProcessHistory | None = self
        while each is not None and each is not above:
            each = each.parent
        return each is above

    @property
    def of_the_sandbox(self) -> bool:
        """Whether it is an init or a listening server: there before the job and after it."""
        return self.key == _NO_KEY

    def dying(self, at_ns: int) -> bool:
        """Whether its end was certain before that moment: it is past receiving anything."""
        return any(ns is not None and ns < at_ns for ns in (self.doomed_ns, self.exiting_ns))


@dataclass(slots=True)
class SignalHistory:
    """One signal that was generated, or one call that failed."""

    at_ns: int
    signal: int
    sender: ProcessHistory | None
    sender_role: str
    receiver: ProcessHistory | None
    receiver_role: str
    call: str | None
    """None: nobody called; the kernel did it."""
    target: int | None
    """As the caller gave it."""
    by_kernel: bool
    ignored: bool
    delivered_ns: int | None = None
    handler: Handler | None = None
    error: int | None = None


@dataclass(frozen=True, slots=True)
class MarkHistory:
    """One mark as it was written."""

    at_ns: int
    role: str | None
    text: str
    writer: ProcessHistory | None = None


def of_the_sandbox(pid: int, role: str, parent: ProcessHistory | None) -> ProcessHistory:
    """An init or a listening server, by its role."""
    return ProcessHistory(
        key=_NO_KEY,
        pid=pid,
        parent=parent,
        role=role,
        inherited=None,
        role_variable=None,
        program="",
        argv=(),
        started_ns=0,
        threads={pid},
        far=role == FAR_HOST or (parent is not None and parent.far),
    )

"""What a model of a runner is made of: how it starts a job, and what it does from then on.

The second is a generator that reads like its source: it acts through ``Job`` (none of whose methods
waits) and yields ``Until`` where the runner waits. ``modelled`` interprets it inside the loop that
reads the job's output; a test can with a clock of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Protocol

from aftercancel.model import Said


@dataclass(frozen=True, slots=True)
class Until:
    """A wait; what the generator is sent then: whether the condition is met, not the time over."""

    condition: Callable[[], bool]
    seconds: float | None = None
    """At most; None: for as long as it takes."""
    every_s: float | None = None
    """How often to look, where nothing that wakes the runner makes the condition true (the end of a
    process that is not its child)."""


Life = Generator[Until, bool, None]


def sleep(seconds: float) -> Until:
    """A wait for nothing but time."""
    return Until(lambda: False, seconds)


class Leads(Enum):
    """What the job's first process is made the leader of before it becomes a program."""

    NOTHING = "nothing"
    """It stays in the runner's own process group: what is sent to that group ends the runner too."""
    GROUP = "group"
    """setpgid(2)."""
    SESSION = "session"
    """setsid(2), and so a process group as well."""


@dataclass(frozen=True, slots=True)
class Given:
    """What a model is to start."""

    argv: tuple[str, ...]
    """The job's command line, with the launcher's words round it."""
    cwd: str
    folder: str
    """Where the runner may keep files of its own."""
    options: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Start:
    """How a runner starts a job that has no terminal (with one: as leader of its session)."""

    argv: tuple[str, ...]
    """The runner's own wrapper with the job in it, or the job's command line as it is."""
    leads: Leads
    env: Mapping[str, str] = field(default_factory=dict)
    """What the runner adds to the environment: its cookies."""
    input: bytes | None = None
    """What it writes to the first process's input, which then ends; None: nothing."""
    merged: bool = False
    """Whether stdout and stderr are one pipe."""
    files: Mapping[str, str] = field(default_factory=dict)
    """Files that it makes first, by path; with the folders that they are in."""


class Job(Protocol):
    """The started job as the runner has it."""

    @property
    def pid(self) -> int:
        """The first process."""
        ...

    @property
    def folder(self) -> str:
        """Where the runner may keep files of its own."""
        ...

    @property
    def options(self) -> Mapping[str, str]:
        """What the model is told."""
        ...

    @property
    def way(self) -> str:
        """The way in which it was last asked to end the job; empty: it was not."""
        ...

    @property
    def ended(self) -> bool:
        """Whether the first process has ended and been waited for."""
        ...

    @property
    def ended_at(self) -> float | None:
        """When, by ``now``."""
        ...

    @property
    def status(self) -> int | None:
        """Its exit status; None: it has none (yet)."""
        ...

    @property
    def eof(self) -> bool:
        """Whether nobody holds the job's output open any more."""
        ...

    def now(self) -> float:
        """A clock, in seconds."""
        ...

    def seconds(self, option: str, default: float) -> float:
        """A span of time that can be configured."""
        ...

    def send(self, signal: str, pid: int) -> bool:
        """kill(2), a group where ``pid`` is negative; False: refused, or there is nobody."""
        ...

    def parents(self) -> Mapping[int, int]:
        """Every process that /proc shows now, by its id, and the parent of each; without PID 1 of
        the sandbox and the runner itself. Those that have ended and nobody waited for are there.
        """
        ...

    def living(self) -> Sequence[int]:
        """The same, their ids in order, without those that have ended."""
        ...

    def there(self, pid: int) -> bool:
        """Whether /proc has it; also one that has ended and that nobody waited for."""
        ...

    def carries(self, pid: int, variables: Mapping[str, str]) -> bool:
        """Whether all of these are in the environment that it was started with (/proc/PID/environ);
        False where that may not be read.
        """
        ...

    def catches(self, pid: int, signal: str) -> bool:
        """Whether it has a handler for it (/proc/PID/status, SigCgt)."""
        ...

    def let_go(self) -> None:
        """Close the runner's ends of the job's input and output."""
        ...

    def heard(self, data: bytes) -> None:
        """Output of the job that came by another way than its pipes."""
        ...

    def meanwhile(self, life: Life) -> None:
        """What another thread of the runner does from now on."""
        ...

    def report(self, said: Said, status: int | None = None) -> None:
        """What the runner's user is shown, now. ``status``: of the job, where the runner was told
        another than that of its first process. A second report changes nothing.
        """
        ...


def over_within(job: Job, seconds: float) -> Callable[[], bool]:
    """Whether its first process has ended, and its output too, or that long ago."""

    def over() -> bool:
        at = job.ended_at
        return at is not None and (job.eof or job.now() - at >= seconds)

    return over


def by_status(job: Job) -> Said:
    """What runners say of a job that nobody cancelled."""
    return Said.SUCCESS if job.status == 0 else Said.FAILED


@dataclass(frozen=True, slots=True)
class Model:
    """One runner."""

    name: str
    """As the module's."""
    ways: tuple[str, ...]
    """The ways in which it can be asked to end a job."""
    start: Callable[[Given], Start]
    life: Callable[[Job], Life]
    """From the job's start on; where it ends without a report, there will be none."""
    root: bool = False
    """Whether the runner is root's, and the job the user's."""

"""What every real runner looks like to the lab: one small protocol, one file for each runner.

A runner is started once and serves many cells, one after another. Inside a cell's sandbox the
``steward``, a process of root's, drives the adapter; in a test anybody can. All calls come from
one thread. What an adapter hears meanwhile, on threads of its own, it passes to ``Tell``.

Inside the sandbox nothing can be imported any more and neither the host's home folders nor its
/tmp are there: an adapter's module imports at its head whatever it may ever need.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from aftercancel.model import End, Said
from aftercancel.runners.ground import Ground


@dataclass(frozen=True, slots=True)
class Found:
    """A runner's program on this machine."""

    program: Path
    """What is started, absolute."""
    brought: Path
    """The file or folder that a sandbox must have of it: the program itself, or the folder that it
    is installed in (a virtual environment)."""
    version: str
    image: str = ""
    """The image that it was taken out of, with its digest or id; empty: of none."""


@dataclass(frozen=True, slots=True)
class Work:
    """A job as it is given to a runner."""

    name: str
    """Its script's file name, as ``exit-trap.sh``."""
    script: str
    """The script's whole text."""
    path: str
    """Where the same text stands as an executable file that the runner's user can read."""
    shell: tuple[str, ...]
    """The words that interpret it: ``("/bin/dash", "-e")``."""
    command: tuple[str, ...]
    """The words that start it: those of ``shell`` and ``path``, with the launcher's round them."""
    whole: bool
    """Whether nothing stands between: then a runner whose users write the script into the job's
    own definition is given ``script``, where its shell is the runner's; else ``command``."""
    env: tuple[tuple[str, str], ...]
    """The job's variables, as its author sets them in the job's definition."""
    folder: str
    """The folder that the job is to start in."""
    after: str = ""
    """What its author wants to run afterwards in any case (GitLab's after_script); empty: nothing."""
    ways: tuple[str, ...] = ()
    """The runner's own ways that it will be asked for, so that a time limit can be set beforehand."""
    limit_s: float = 0.0
    """That time limit, from the job's start."""


@dataclass(frozen=True, slots=True)
class Further:
    """A further job of the same kind, as the runner's own queue has it."""

    submitted_ns: int
    """CLOCK_MONOTONIC."""
    started_ns: int | None
    listed: bool
    """Whether the runner (or its server) still knows it: as waiting, running or ended."""


class Tell(Protocol):
    """Where an adapter says what it hears; may be called from any thread."""

    def output(self, data: bytes) -> None:
        """More of the job's log, as the runner passes it on."""
        ...

    def report(self, said: Said, words: str, end: End | None = None) -> None:
        """The runner has said that the job is over; once for each job, at the very moment.

        ``words``: what it said, literally, as ``state=failed failure_reason=job_canceled``;
        ``end``: how the job's first process ended, as far as the runner says it.
        """
        ...


class Adapter(Protocol):
    """One started runner with what it needs."""

    runner: int | None
    """Process id of what starts jobs; None: ``submit`` starts one for each job."""
    server: int | None
    """Process id of the server, where that is a program of the runner's too (Buildbot's master;
    where it is the same process, as in Jenkins, that one); None: there is none, or it is a fake."""

    def start(self) -> None:
        """Start it, and what it needs, until it takes jobs. Raises ``RunnerError``."""
        ...

    def submit(self, work: Work) -> None:
        """Hand a job over and return; raises ``RunnerError`` where it is refused."""
        ...

    def ask(self, way: str) -> None:
        """Cancel the job in one of the runner's own ways; raises ``RunnerError`` with the answer
        where it is refused. For a time limit, which was set before: do nothing.
        """
        ...

    def further(self, number: int) -> None:
        """Submit ``number`` more jobs of the same kind, short ones, behind the one that runs."""
        ...

    def queue(self) -> Sequence[Further]:
        """What became of those, in the order of their submission."""
        ...

    def start_again(self) -> None:
        """Start what was ended from outside (the server, the runner) with the state that it left."""
        ...

    def idle(self, within_s: float) -> bool:
        """Wait until it can take the next job; False: it does not come to that by then."""
        ...

    def stop(self) -> None:
        """End everything that ``start`` started, by force where it does not end by itself. Never
        raises, and a second call does nothing.
        """
        ...


@dataclass(frozen=True, slots=True)
class Kind:
    """What is known of one kind of runner before any is started; each module has one, ``KIND``."""

    name: str
    programs: tuple[str, ...]
    """File names that it is found by in PATH and in the lab's folder of runners; there also with
    ``-VERSION`` behind."""
    get: str
    """How to get it, in a sentence or two."""
    find: Callable[[Path], Found]
    """What a path is; raises ``RunnerError`` where it is not this program."""
    make: Callable[[Ground, Mapping[str, str], Tell], Adapter]
    """An adapter that is not started yet; the mapping: the options of its row in runners.toml."""
    refuses: Callable[[Path, Mapping[str, str]], str | None] = lambda _program, _options: None
    """Why a program of this kind that was found cannot be run with such options; None: it can."""
    in_image: str = ""
    """Where its official image has the program; empty: there is none that is known here."""

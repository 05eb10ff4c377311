"""Drives an adapter of a real runner without a sandbox, as the steward does within one.

The vocabulary of the tests of adapters: ``Driven`` starts a runner in a folder, gives it jobs,
cancels them, and remembers what it was told.
"""

from __future__ import annotations

import os
import pwd
import signal
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from aftercancel.model import End, Said
from aftercancel.runners.ground import Ground
from aftercancel.runners.protocol import Adapter, Found, Kind, Work

DEADLINE_S = 30.0


@dataclass
class Told:
    """What an adapter said of one job."""

    log: bytearray = field(default_factory=bytearray)
    reports: list[tuple[Said, str, End | None]] = field(default_factory=list)
    at_ns: list[int] = field(default_factory=list)
    changed: threading.Condition = field(default_factory=threading.Condition)

    def output(self, data: bytes) -> None:
        with self.changed:
            self.log += data
            self.changed.notify_all()

    def report(self, said: Said, words: str, end: End | None = None) -> None:
        with self.changed:
            self.reports.append((said, words, end))
            self.at_ns.append(time.monotonic_ns())
            self.changed.notify_all()


class Driven:
    """A started adapter; leaving stops it."""

    def __init__(self, kind: Kind, found: Found, folder: Path, **options: str) -> None:
        self.folder = folder / "runner"
        self.jobs = folder / "jobs"
        self.home = folder / "home"
        for made in (self.folder, self.jobs, self.home):
            made.mkdir(parents=True)
        self.marks = folder / "marks"
        self.marks.touch()
        self.told = Told()
        me = pwd.getpwuid(os.getuid())
        self.ground = Ground(
            program=found.program,
            version=found.version,
            folder=self.folder,
            home=self.home,
            uid=me.pw_uid,
            user=me.pw_name,
        )
        self.adapter: Adapter = kind.make(self.ground, options, self)

    def output(self, data: bytes) -> None:
        self.told.output(data)

    def report(self, said: Said, words: str, end: End | None = None) -> None:
        self.told.report(said, words, end)

    def __enter__(self) -> Self:
        try:
            self.adapter.start()
        except BaseException:
            self.adapter.stop()
            raise
        return self

    def __exit__(self, *error: object) -> None:
        self.adapter.stop()

    def work(  # each is a word of the job's definition
        self,
        script: str,
        *,
        shell: Sequence[str] = ("/bin/bash",),
        env: Mapping[str, str] | None = None,
        after: str = "",
        whole: bool = True,
        ways: Sequence[str] = (),
        limit_s: float = 0.0,
    ) -> Work:
        """A job that writes its marks by ``echo NAME >> "$MARKS"``."""
        path = self.jobs / "job.sh"
        path.write_text(script)
        path.chmod(0o755)
        return Work(
            name=path.name,
            script=script,
            path=str(path),
            shell=tuple(shell),
            command=(*shell, str(path)),
            whole=whole,
            env=(("MARKS", str(self.marks)), *(env or {}).items()),
            folder=str(self.home),
            after=after,
            ways=tuple(ways),
            limit_s=limit_s,
        )

    def submit(self, script: str, **words: object) -> None:
        """Hand a job over; what was told of the one before is forgotten."""
        self.told = Told()
        self.marks.write_text("")
        self.adapter.submit(self.work(script, **words))  # type: ignore[arg-type]  # work's own words

    def marked(self) -> list[str]:
        return self.marks.read_text().splitlines()

    def until_marked(self, mark: str) -> None:
        self.until(lambda: mark in self.marked(), f"the mark {mark!r}")

    def until_reported(self, within_s: float = DEADLINE_S) -> tuple[Said, str, End | None]:
        self.until(lambda: bool(self.told.reports), "the report", within_s)
        return self.told.reports[0]

    def until(self, true: Callable[[], bool], what: str, within_s: float = DEADLINE_S) -> None:
        """Wait, with a deadline whose error names what was awaited and what the runner said."""
        until = time.monotonic() + within_s
        while not true():
            if time.monotonic() > until:
                log = self.told.log.decode("utf-8", "replace")[-600:]
                raise AssertionError(
                    f"awaited {what} for {within_s:.0f} s; the job's log: {log}; "
                    f"the runner's: {self.ground.last_words()}"
                )
            time.sleep(0.02)


def alive(pid: int) -> bool:
    """Whether a process runs: it is there and no zombie."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
    return stat.rsplit(")", 1)[1].split()[0] != "Z"


def end_by_pid(pid: int) -> None:
    """End what a test left, by its number; nobody there is fine."""
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return

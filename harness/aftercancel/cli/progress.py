"""How far a run is: a live line at a terminal, a plain line now and then elsewhere.

It watches the file of observations grow, which is the same whether one process measures or many.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.live import Live
from rich.text import Text

_LOOK_S = 0.2
_PLAIN_S = 5.0
"""How often a line is written where nobody watches it live."""


class Progress:
    """A context manager around the measuring."""

    def __init__(self, console: Console, total: int, in_flight: int) -> None:
        self._console = console
        self._total = total
        self._in_flight = in_flight
        self._path: Path | None = None
        self._read = 0
        self._done = 0
        self._unknown = 0
        self._first: float | None = None
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="progress", daemon=True)

    def watch(self, observations: Path) -> None:
        """The file to look at, as soon as there is one."""
        self._path = observations

    def __enter__(self) -> Self:
        self._began = time.monotonic()
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        # Whoever closes the terminal or the pipe wants no progress; the run goes on.
        with contextlib.suppress(OSError, ValueError):
            if self._console.is_terminal:
                self._live()
            else:
                self._plain()

    def _live(self) -> None:
        with Live(console=self._console, transient=True, auto_refresh=False) as live:
            while not self._over.wait(_LOOK_S):
                self._look()
                live.update(Text(self.line(), no_wrap=True, overflow="ellipsis"), refresh=True)
        self._look()
        self._console.print(self.line(), highlight=False)

    def _plain(self) -> None:
        shown = -1
        due = 0.0
        while not self._over.wait(_LOOK_S):
            self._look()
            if shown < self._done < self._total and time.monotonic() >= due:
                shown, due = self._done, time.monotonic() + _PLAIN_S
                self._console.print(self.line(), highlight=False, soft_wrap=True)
        self._look()
        self._console.print(self.line(), highlight=False, soft_wrap=True)

    def line(self) -> str:
        """The run so far in words."""
        left = self._total - self._done
        running = min(left, self._in_flight) if self._path else 0
        took = time.monotonic() - self._began
        parts = [f"{self._done} of {self._total} cells done"]
        if self._over.is_set():
            parts.append(f"{took:.1f} s")
        else:
            parts += [f"{running} running", f"{left - running} to go", self._time_left(left)]
        if self._unknown:
            parts.append(f"{self._unknown} could not be measured")
        return " · ".join(parts)

    def _time_left(self, left: int) -> str:
        if self._first is None or self._done < 2:
            return "starting"
        rate = self._done / max(time.monotonic() - self._first, 0.001)
        seconds = left / rate
        return (
            f"about {seconds:.0f} s left" if seconds < 90 else f"about {seconds / 60:.0f} min left"
        )

    def _look(self) -> None:
        """Count the lines that have come since the last time."""
        if self._path is None:
            return
        with contextlib.suppress(OSError), self._path.open("rb") as file:
            file.seek(self._read)
            new = file.read()
            whole = new.rfind(b"\n") + 1
            self._read += whole
            lines = new[:whole].splitlines()
            self._done += len(lines)
            self._unknown += sum(b'"trouble":null' not in line for line in lines)
            if lines and self._first is None:
                self._first = time.monotonic() - _LOOK_S


def console(to_stderr: bool = True) -> Console:
    """A console that honours NO_COLOR, and TERM=dumb."""
    return Console(
        stderr=to_stderr, force_terminal=False if os.environ.get("TERM") == "dumb" else None
    )

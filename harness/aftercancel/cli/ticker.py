"""How far judging a stored run has come: a line that is redrawn, or now and then a line for a log."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import Self

_QUIET_S = 1.5
"""What is over sooner needs no progress."""
_EVERY_S = 10.0
"""Between two lines where nobody watches."""


class Ticker:
    """Takes shares of the work that are done, from 0 to 1, and says them on stderr."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._live = sys.stderr.isatty()
        self._next_s = time.monotonic() + (_QUIET_S if self._live else _EVERY_S)
        self._drawn = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._drawn and self._live:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()

    def __call__(self, share: float) -> None:
        if time.monotonic() < self._next_s:
            return
        self._drawn = True
        line = f"{self._what}: {share:.0%}"
        sys.stderr.write(f"\r{line}\x1b[K" if self._live else f"{line}\n")
        sys.stderr.flush()
        self._next_s = time.monotonic() + (0.1 if self._live else _EVERY_S)

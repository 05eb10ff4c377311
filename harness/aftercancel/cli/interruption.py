"""Being told to stop: the first time orderly, the second time at once."""

from __future__ import annotations

import os
import signal
import sys
from types import FrameType, TracebackType
from typing import Any, Self

from aftercancel.errors import ExitStatus

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interruption:
    """While entered, INT, TERM and HUP raise KeyboardInterrupt, once, with the signal's name.

    The second one ends the process where it stands. What it leaves behind is tidied up by the
    executor, which notices that nobody is there any more; what was measured is on disk.
    """

    def __init__(self) -> None:
        self.by: str | None = None
        """The name of the signal that came."""
        self._orderly = True
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Self:
        for number in _SIGNALS:
            if signal.getsignal(number) is not signal.SIG_IGN or number is signal.SIGINT:
                self._before[number] = signal.signal(number, self._arrived)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for number, before in self._before.items():
            signal.signal(number, before)

    def finishing(self) -> None:
        """From now on the first signal does not break off anything: the end is near."""
        self._orderly = False

    def _arrived(self, number: int, frame: FrameType | None) -> None:
        if self.by is not None:
            if sys.stderr.isatty():
                os.write(2, b"\x1b[?25h\n")  # the cursor, which the progress had hidden
            os._exit(ExitStatus.COULD_NOT_TELL)
        self.by = signal.Signals(number).name
        if self._orderly:
            raise KeyboardInterrupt(self.by)

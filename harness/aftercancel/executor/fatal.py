"""Which signal ended a process: what the kernel makes of it is not always what was sent."""

from __future__ import annotations

from collections.abc import Sequence

from aftercancel.executor.lives import ProcessHistory, SignalHistory
from aftercancel.executor.procfs import signal_name

HARMLESS_BY_DEFAULT = frozenset({17, 18, 19, 20, 21, 22, 23, 28})
"""signal(7): these are ignored, stop or continue a process when their disposition is the default;
all others end it."""


def turned_into_kill(
    receiver: ProcessHistory, pending: Sequence[SignalHistory]
) -> Sequence[SignalHistory]:
    """Which signal the kernel carried out as SIGKILL; empty where none was pending.

    kernel/signal.c complete_signal turns an ordinary fatal signal into SIGKILL for every thread at
    once. What comes after it is dropped since Linux 6.0; before, it stays pending as well. So it
    is the first that was fatal.
    """
    look = receiver.last
    met = look.dispositions if look is not None else None
    harmless = () if met is None else (*met.caught, *met.ignored, *met.blocked)
    deadly = [s for s in pending if s.signal not in HARMLESS_BY_DEFAULT]
    fatal = [s for s in deadly if signal_name(s.signal) not in harmless]
    return fatal[:1] or deadly[-1:]

"""What connects a runner with its job: pipes or a terminal, and what came through them."""

from __future__ import annotations

import contextlib
import fcntl
import os
import struct
import termios
from dataclasses import dataclass, field

OUT, ERR = b"o", b"e"
_END_OF_TRANSMISSION = b"\x04"  # termios(3), VEOF
_WINDOW = struct.pack("=HHHH", 24, 80, 0, 0)  # struct winsize: rows, columns (tty_ioctl(4))
_MODES = (
    (0, (("icrnl", termios.ICRNL), ("ixon", termios.IXON))),
    (1, (("opost", termios.OPOST), ("onlcr", termios.ONLCR))),
    (
        3,
        (
            ("isig", termios.ISIG),
            ("icanon", termios.ICANON),
            ("echo", termios.ECHO),
            ("iexten", termios.IEXTEN),
        ),
    ),
)
"""Those of termios(3) that people notice: where each stands in tcgetattr's list."""


@dataclass(slots=True)
class Stream:
    """One direction of the job's output, as far as it has come."""

    letter: bytes
    sent: int = 0
    before_report: int = 0
    after_report: int = 0


@dataclass(slots=True)
class Channels:
    """The runner's ends, and the job's until it has them."""

    streams: dict[bytes, Stream]
    outputs: dict[int, Stream] = field(default_factory=dict)
    input: int | None = None
    master: int | None = None
    terminal: str | None = None
    """The name of the job's terminal."""
    pending: bytearray = field(default_factory=bytearray)
    """What is still to be written to the job's input."""
    ends: bool = False
    """Whether the input ends behind that."""

    def open_terminal(self) -> tuple[int, int, int]:
        """The job's ends."""
        master, slave = os.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, _WINDOW)
        self.terminal = os.ttyname(slave)
        self.master = master
        self.outputs[master] = self.streams[OUT]
        return slave, slave, slave

    def open_pipes(self, *, holds_input: bool, merged: bool = False) -> tuple[int, int, int]:
        """The job's ends; its input is /dev/null where nobody will write to it.

        ``merged``: one pipe for stdout and stderr.
        """
        out_read, out_write = os.pipe()
        if holds_input:
            in_read, self.input = os.pipe()
        else:
            in_read = os.open("/dev/null", os.O_RDONLY)
        self.outputs[out_read] = self.streams[OUT]
        if merged:
            return in_read, out_write, out_write
        err_read, err_write = os.pipe()
        self.outputs[err_read] = self.streams[ERR]
        return in_read, out_write, err_write

    def become_controlling(self, slave: int) -> None:
        if self.terminal is not None:
            fcntl.ioctl(slave, termios.TIOCSCTTY, 0)

    def never_wait(self) -> None:
        """Neither for what the job writes nor until it reads."""
        for fd in (*self.outputs, *(() if self.input is None else (self.input,))):
            os.set_blocking(fd, False)

    def close(self, fd: int) -> None:
        if self.outputs.pop(fd, None) is not None or fd in (self.input, self.master):
            os.close(fd)
        if fd == self.master:
            self.master = None
        if fd == self.input:
            self.input = None

    @property
    def writes_to(self) -> int | None:
        """Where what is pending goes; None: nothing is, or nobody can read it any more."""
        fd = self.input if self.master is None else self.master
        return fd if self.pending else None

    def feed(self, data: bytes, *, ends: bool) -> None:
        """Have it written as the job takes it."""
        self.pending += data
        self.ends = ends
        if not data and ends:
            self.end_input()

    def write(self) -> None:
        """As much of what is pending as goes in now."""
        fd = self.writes_to
        if fd is None:
            return
        try:
            del self.pending[: os.write(fd, self.pending[:4096])]
        except BlockingIOError:
            return
        except OSError:  # nobody reads it any more (EPIPE, EIO)
            self.pending.clear()
        if not self.pending and self.ends:
            self.ends = False
            self.end_input()

    def end_input(self) -> None:
        if self.master is not None:
            os.write(self.master, _END_OF_TRANSMISSION)
        elif self.input is not None:
            self.close(self.input)

    def modes(self) -> list[str] | None:
        """The terminal's settings that are on; the master's end shows the job's (pty(7))."""
        if self.master is None:
            return None
        with contextlib.suppress(termios.error):
            found = termios.tcgetattr(self.master)
            return [name for place, names in _MODES for name, bit in names if found[place] & bit]
        return None

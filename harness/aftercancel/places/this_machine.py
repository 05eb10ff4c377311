"""Cells on this machine, in namespaces: needs root and Linux, nothing else."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import threading
from collections.abc import Iterable, Iterator, Mapping
from typing import IO, Self

from aftercancel.errors import CouldNotTell
from aftercancel.model import Cell, Evidence, Observation
from aftercancel.places import IN_FLIGHT
from aftercancel.places.conversation import SETTLE_S, Conversation, HowToMeasure

_STOP_S = 60.0


class ThisMachine:
    """One executor, started as a child; a context manager."""

    def __init__(
        self,
        *,
        in_flight: int = IN_FLIGHT,
        settle_s: float = SETTLE_S,
        evidence: Evidence | None = None,
        buffer_kb: int | None = None,
    ) -> None:
        self._how = HowToMeasure(in_flight, settle_s, evidence, buffer_kb)
        self._conversation = Conversation(self._how, _why)
        self._process: subprocess.Popen[bytes] | None = None
        self._listeners: list[threading.Thread] = []
        self._facts: Mapping[str, object] = {}

    @property
    def pid(self) -> int | None:
        """The warden's process id; its child is the executor."""
        return None if self._process is None else self._process.pid

    def __enter__(self) -> Self:
        # A session of its own: ^C at the terminal is for the one who started us, who tells us.
        self._process = subprocess.Popen(
            # -P: nothing in the folder that we happen to be in is taken for a module.
            self._how.command(sys.executable, "-P"),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        try:
            assert self._process.stdout is not None and self._process.stderr is not None
            # Both are always read, so that the executor never waits for us.
            for work, stream in (
                (self._keep_answers, self._process.stdout),
                (self._keep_words, self._process.stderr),
            ):
                listener = threading.Thread(target=work, args=(stream,), daemon=True)
                self._listeners.append(listener)
                listener.start()
            self._facts = self._conversation.hello()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *error: object) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        assert process.stdin is not None
        with contextlib.suppress(OSError):
            process.stdin.close()
        try:
            process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        for listener in self._listeners:
            listener.join()

    def facts(self) -> Mapping[str, object]:
        return self._facts

    def measure(self, cells: Iterable[Cell]) -> Iterator[Observation]:
        """See ``Place.measure``."""
        return self._conversation.measure(cells, self._send)

    def _send(self, line: bytes) -> None:
        if self._process is None or self._process.stdin is None:
            raise CouldNotTell("The executor was stopped.")
        self._process.stdin.write(line)
        self._process.stdin.flush()

    def _keep_answers(self, stream: IO[bytes]) -> None:
        with stream:
            for line in stream:
                self._conversation.heard(line)
        self._conversation.ended()

    def _keep_words(self, stream: IO[bytes]) -> None:
        with stream:
            for line in stream:
                self._conversation.words(line)


def _why(said: str) -> CouldNotTell:
    return CouldNotTell(f"{said}. `aftercancel doctor` shows what this machine lacks for the lab.")

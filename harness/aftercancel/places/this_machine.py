"""Cells on this machine, in namespaces: needs root and Linux, nothing else."""

from __future__ import annotations

import contextlib
import itertools
import queue
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import IO, Any, Self

import msgspec

from aftercancel.errors import CouldNotTell, MissingError
from aftercancel.model import Cell, Evidence, Observation
from aftercancel.places import IN_FLIGHT

SETTLE_S = 10.0
_START_S = 60.0
_STOP_S = 60.0
_SLOWEST_CELL_S = 180.0
"""Arming, watching and tearing down one cell take less, each by its own deadline."""


def _longest_s(cell: Cell) -> float:
    """What a real runner may add: its start and its patience."""
    return 120.0 + cell.runner.patience_s


class _Answer(msgspec.Struct):
    """One line from the executor."""

    hello: dict[str, Any] | None = None
    observation: Observation | None = None
    failed: str | None = None


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
        self._options = ["--in-flight", str(in_flight), "--settle", str(settle_s)]
        if evidence is not None:
            self._options += ["--evidence", evidence.value]
        if buffer_kb is not None:
            self._options += ["--buffer-kb", str(buffer_kb)]
        self._outstanding = 2 * in_flight
        self._silence_s = _SLOWEST_CELL_S + settle_s
        self._process: subprocess.Popen[bytes] | None = None
        self._listeners: list[threading.Thread] = []
        self._answers: queue.SimpleQueue[_Answer | None] = queue.SimpleQueue()
        self._facts: dict[str, Any] = {}
        self._words: list[str] = []

    @property
    def pid(self) -> int | None:
        """The warden's process id; its child is the executor."""
        return None if self._process is None else self._process.pid

    def __enter__(self) -> Self:
        # -P: nothing in the folder that we happen to be in is taken for a module.
        # A session of its own: ^C at the terminal is for the one who started us, who tells us.
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "aftercancel.executor", *self._options],
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
            try:
                answer = self._next(_START_S)
            except queue.Empty:
                answer = None
            if answer is None or answer.hello is None:
                raise MissingError(self._why("the executor did not start", answer))
            self._facts = answer.hello
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
        wanted = list(cells)
        # Those of real runners wait for an instance of theirs, and must not keep others waiting.
        real = [cell for cell in wanted if cell.runner.real]
        waiting = iter([cell for cell in wanted if not cell.runner.real])
        of_real = {(cell.id, cell.attempt) for cell in real}
        silence_s = self._silence_s + max((_longest_s(cell) for cell in real), default=0.0)
        unanswered: Counter[tuple[str, int]] = Counter()
        for cell in [*real, *itertools.islice(waiting, self._outstanding)]:
            self._send(cell)
            unanswered[cell.id, cell.attempt] += 1
        while unanswered:
            try:
                answer = self._next(silence_s)
            except queue.Empty:
                names = ", ".join(sorted(name for name, _ in unanswered))
                raise CouldNotTell(
                    f"The executor has said nothing for {silence_s:.0f} s. Without an "
                    f"answer are: {names}. What was measured before is kept; leave these out, or "
                    "report them."
                ) from None
            if answer is None or answer.observation is None:
                raise CouldNotTell(self._why("the executor stopped", answer))
            seen = answer.observation
            unanswered[seen.cell, seen.attempt] -= 1
            unanswered += Counter()  # drops what is at zero
            yield seen
            if (seen.cell, seen.attempt) in of_real:
                continue
            for cell in itertools.islice(waiting, 1):
                self._send(cell)
                unanswered[cell.id, cell.attempt] += 1

    def _send(self, cell: Cell) -> None:
        if self._process is None or self._process.stdin is None:
            raise CouldNotTell("The executor was stopped.")
        try:
            self._process.stdin.write(msgspec.json.encode({"cell": cell}) + b"\n")
            self._process.stdin.flush()
        except (BrokenPipeError, ValueError):
            raise CouldNotTell(self._why("the executor stopped", None)) from None

    def _next(self, timeout_s: float) -> _Answer | None:
        """The next answer, None at their end; raises ``queue.Empty`` after ``timeout_s``."""
        answer = self._answers.get(timeout=timeout_s)
        if answer is None:
            self._answers.put(None)  # for whoever asks again
        return answer

    def _keep_answers(self, stream: IO[bytes]) -> None:
        decode = msgspec.json.Decoder(_Answer).decode
        with stream:
            for line in stream:
                if line.endswith(b"\n"):
                    self._answers.put(decode(line))
        self._answers.put(None)

    def _keep_words(self, stream: IO[bytes]) -> None:
        with stream:
            for line in stream:
                self._words.append(line.decode("utf-8", "replace").rstrip())
                del self._words[:-20]

    def _why(self, what: str, answer: _Answer | None) -> str:
        failed = answer.failed if answer is not None else None
        said = failed or "\n".join(self._words) or "it said nothing"
        return f"{what}: {said}. `aftercancel doctor` shows what this machine lacks for the lab."

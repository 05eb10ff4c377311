"""Speaking with an executor: cells go in, observations come out, whatever lies between.

The executor's protocol is JSON lines (``aftercancel.executor``). What carries them is the place's
own matter: it gives a function that sends one line, and feeds what it hears.
"""

from __future__ import annotations

import itertools
import json
import queue
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from aftercancel.errors import AftercancelError, CouldNotTell, MissingError
from aftercancel.model import Cell, Evidence, Observation
from aftercancel.places import IN_FLIGHT

SETTLE_S = 10.0
START_S = 60.0
"""How long an executor may take to say hello."""
_SLOWEST_CELL_S = 180.0
"""Arming, watching and tearing down one cell take less, each by its own deadline."""
_WORDS = 20
"""Lines of what the executor said on its standard error that are kept."""


@dataclass(frozen=True, slots=True)
class HowToMeasure:
    """What an executor is told when it is started."""

    in_flight: int = IN_FLIGHT
    settle_s: float = SETTLE_S
    evidence: Evidence | None = None
    """None: the best that there is."""
    buffer_kb: int | None = None
    """The trace's buffer for each processor; None: chosen by their number."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """The variables of an image, for its jobs."""

    def command(self, *python: str) -> list[str]:
        """The command line, behind that of the interpreter."""
        words = [*python, "-m", "aftercancel.executor"]
        words += ["--in-flight", str(self.in_flight), "--settle", str(self.settle_s)]
        if self.evidence is not None:
            words += ["--evidence", self.evidence.value]
        if self.buffer_kb is not None:
            words += ["--buffer-kb", str(self.buffer_kb)]
        if self.environment:
            words += ["--environment", json.dumps(dict(self.environment))]
        return words


class Answer(msgspec.Struct):
    """One line from the executor."""

    hello: dict[str, Any] | None = None
    observation: Observation | None = None
    failed: str | None = None


class Conversation:
    """One executor's, from its hello to its end."""

    def __init__(self, how: HowToMeasure, why: Callable[[str], AftercancelError]) -> None:
        """``why`` makes the error of a conversation that broke, from what is known of it."""
        self._why = why
        self._outstanding = 2 * how.in_flight
        self._silence_s = _SLOWEST_CELL_S + how.settle_s
        self._decode = msgspec.json.Decoder(Answer).decode
        self._answers: queue.SimpleQueue[Answer | None] = queue.SimpleQueue()
        self._words: list[str] = []

    # What is heard: called by whoever reads, in a thread of its own

    def heard(self, line: bytes) -> None:
        """One line of the executor's output, with its end; half a line is none."""
        if line.endswith(b"\n"):
            self._answers.put(self._decode(line))

    def words(self, line: bytes) -> None:
        """One line of its standard error."""
        self._words.append(line.decode("utf-8", "replace").rstrip())
        del self._words[:-_WORDS]

    def ended(self) -> None:
        """Nothing more will be heard."""
        self._answers.put(None)

    # What is said

    def hello(self) -> Mapping[str, object]:
        """What the executor says of itself; raises ``MissingError`` where it does not start."""
        try:
            answer = self._next(START_S)
        except queue.Empty:
            answer = None
        if answer is None or answer.hello is None:
            raise MissingError(str(self._broken("the executor did not start", answer)))
        return answer.hello

    def measure(
        self, cells: Iterable[Cell], send: Callable[[bytes], None]
    ) -> Iterator[Observation]:
        """See ``Place.measure``; ``send`` raises ``OSError`` or ``ValueError`` where it cannot."""
        wanted = list(cells)
        # Those of real runners wait for an instance of theirs, and must not keep others waiting.
        real = [cell for cell in wanted if cell.runner.real]
        waiting = iter([cell for cell in wanted if not cell.runner.real])
        of_real = {(cell.id, cell.attempt) for cell in real}
        silence_s = self._silence_s + max((_longest_s(cell) for cell in real), default=0.0)
        unanswered: Counter[tuple[str, int]] = Counter()

        def ask(cell: Cell) -> None:
            try:
                send(msgspec.json.encode({"cell": cell}) + b"\n")
            except (OSError, ValueError) as error:
                raise self._broken("the executor stopped", None) from error
            unanswered[cell.id, cell.attempt] += 1

        for cell in [*real, *itertools.islice(waiting, self._outstanding)]:
            ask(cell)
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
                raise self._broken("the executor stopped", answer)
            seen = answer.observation
            unanswered[seen.cell, seen.attempt] -= 1
            unanswered += Counter()  # drops what is at zero
            yield seen
            if (seen.cell, seen.attempt) in of_real:
                continue
            for cell in itertools.islice(waiting, 1):
                ask(cell)

    def _next(self, timeout_s: float) -> Answer | None:
        """The next answer, None at their end; raises ``queue.Empty`` after ``timeout_s``."""
        answer = self._answers.get(timeout=timeout_s)
        if answer is None:
            self._answers.put(None)  # for whoever asks again
        return answer

    def _broken(self, what: str, answer: Answer | None) -> AftercancelError:
        failed = answer.failed if answer is not None else None
        said = failed or "\n".join(self._words) or "it said nothing"
        return self._why(f"{what}: {said}")


def _longest_s(cell: Cell) -> float:
    """What a real runner may add: its start and its patience."""
    return 120.0 + cell.runner.patience_s

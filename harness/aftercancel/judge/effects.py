"""What a forced terminal does to a job that does not want one: ``ssh`` and ``ssh -tt`` compared.

An effect is one question, asked of two cells that differ in nothing but the terminal, and a
reading: a pure function that says in words what an observation shows. The effect is there where
the two readings differ. Which do is nowhere expected.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from aftercancel.judge import facts
from aftercancel.judge.effects_ends import hung
from aftercancel.judge.words import ended, visible
from aftercancel.model import Decided, Observation

WITHOUT, WITH = "ssh", "ssh-tt"
"""The two launchers."""
SLICE = "forced-terminal"
"""The slice of the matrix that has the cells of all effects."""

Reading = Callable[[Observation], str | None]
"""What the observation of a job that came to its end shows; None: it does not tell."""


class Difference(StrEnum):
    """What the two readings say together."""

    DIFFERS = "differs"
    SAME = "same"
    COULD_NOT_TELL = "could not tell"
    NOT_MEASURED = "not measured"


@dataclass(frozen=True, slots=True)
class Effect:
    """One question, and how its answer is read from an observation."""

    id: str
    question: str
    job: str
    reading: Reading
    group: str
    shell: str = "dash"
    runner: str = "plain"
    cancellation: str = "end"
    last_words: bool = False
    """Whether what the job printed last says why it hangs (a prompt)."""

    def cell(self, launcher: str) -> str:
        return f"{self.job}/{self.shell}/{launcher}/{self.runner}/{self.cancellation}"

    @property
    def cells(self) -> tuple[str, str]:
        return self.cell(WITHOUT), self.cell(WITH)


@dataclass(frozen=True, slots=True)
class Side:
    """What was seen with one of the two launchers."""

    cell: str
    """The evidence: this cell of the run."""
    measured: int
    """How many attempts."""
    seen: tuple[str, ...]
    """Every answer that an attempt gave, each once; more than one: attempts differ."""
    why_not: str = ""
    """Why an attempt gave none."""


@dataclass(frozen=True, slots=True)
class Compared:
    """One row of the table."""

    id: str
    group: str
    question: str
    difference: Difference
    without: Side
    with_terminal: Side


def compare(observations: Iterable[Observation], effects: Sequence[Effect]) -> tuple[Compared, ...]:
    """The table: a row for each effect, also for those whose cells were not measured."""
    wanted = {cell for effect in effects for cell in effect.cells}
    by_cell: dict[str, list[Observation]] = {}
    for observation in observations:
        if observation.cell in wanted:
            by_cell.setdefault(observation.cell, []).append(observation)
    return tuple(_row(effect, by_cell) for effect in effects)


def _row(effect: Effect, by_cell: Mapping[str, list[Observation]]) -> Compared:
    without, with_terminal = (_side(effect, cell, by_cell.get(cell, [])) for cell in effect.cells)
    return Compared(
        id=effect.id,
        group=effect.group,
        question=effect.question,
        difference=_difference(without, with_terminal),
        without=without,
        with_terminal=with_terminal,
    )


def _difference(without: Side, with_terminal: Side) -> Difference:
    if not (without.measured and with_terminal.measured):
        return Difference.NOT_MEASURED
    if without.why_not or with_terminal.why_not:
        return Difference.COULD_NOT_TELL
    one, other = set(without.seen), set(with_terminal.seen)
    if one.isdisjoint(other):
        return Difference.DIFFERS
    return Difference.SAME if len(one | other) == 1 else Difference.COULD_NOT_TELL


def _side(effect: Effect, cell: str, observations: Sequence[Observation]) -> Side:
    seen: dict[str, None] = {}
    why_not = ""
    for observation in observations:
        words, reason = _read(effect, observation)
        if words is None:
            why_not = why_not or reason
        else:
            seen[words] = None
    return Side(cell, len(observations), tuple(seen), why_not)


def _read(effect: Effect, observation: Observation) -> tuple[str | None, str]:
    """The words, or None and why there are none."""
    reason = _not_measured(observation)
    if reason:
        return None, reason
    try:
        if observation.report is None:
            return hung(observation, last_words=effect.last_words), ""
        return effect.reading(observation), "the observation does not say"
    except Exception as error:  # noqa: BLE001 whatever it is, it must not look like an answer
        return None, f"the reading failed ({type(error).__name__}: {visible(str(error))})"


def _not_measured(observation: Observation) -> str:
    trouble = observation.trouble
    if trouble is not None:
        return f"not measured ({trouble.kind}): {visible(trouble.words)}"
    if observation.decided is None:
        return "the watching was broken off"
    if observation.runner_end is not None:
        return f"the runner {ended(observation.runner_end)}"
    if facts.cancelled(observation) and not observation.fired:
        return "the cancellation was never fired"
    if observation.report is None and observation.decided is Decided.SETTLE_TIME_OVER:
        return "it had not come to rest when the settle time was over"
    return ""

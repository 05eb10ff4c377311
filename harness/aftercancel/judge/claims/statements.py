"""What a claim is made of, and the words in which one is written."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from aftercancel.judge import judged
from aftercancel.judge.claims.words import AXES, CellWords, words
from aftercancel.model import Observation, Outcome


class Source(StrEnum):
    """Where the sentences were said."""

    GIST = "the gist “When you cancel a Jenkins job” (datagrok)"
    BLOG = "the blog “Why is Gitlab-Runner stuck when an error occurs with a background task”"
    SEMAPHORE = "Semaphore's issue #3681 (semaphoreui/semaphore)"
    RUNNERS = "what is said of runners"
    CONTAINERS = "what is said of containers"
    SHELLS = "what is said of shells"


class Holds(StrEnum):
    """The answer that one case gives to a claim."""

    YES = "yes"
    NO = "no"
    VARIES = "now yes, now no"
    """Attempts at the same cells differ."""
    UNTOLD = "could not tell"


@dataclass(frozen=True, slots=True)
class Answer:
    """What a predicate says of one case."""

    holds: Holds
    because: str
    """What was seen that decides it, as a sentence without times or ids of processes: it must be
    the same when the case is measured again and nothing has changed."""


def yes(because: str) -> Answer:
    """The claim holds of this case."""
    return Answer(Holds.YES, because)


def no(because: str) -> Answer:
    """The claim does not hold of this case."""
    return Answer(Holds.NO, because)


def could_not_tell(because: str) -> Answer:
    """The observations of this case do not say."""
    return Answer(Holds.UNTOLD, because)


@dataclass(frozen=True, slots=True)
class Case:
    """What one answer rests on: the observation of one cell, or of several that belong together.

    Several have the same words on every axis but those that the claim sets ``apart``.
    """

    parts: Mapping[str, Observation]
    """By the names that the claim gives its patterns."""

    @property
    def observation(self) -> Observation:
        """The one observation, where the claim looks at single cells."""
        (only,) = self.parts.values()
        return only

    @property
    def outcome(self) -> Outcome:
        """Its outcome."""
        return judged(self.observation)

    @property
    def words(self) -> CellWords:
        """The words of its id (of the first part's, where there are several)."""
        return words(next(iter(self.parts.values())).cell)

    def __getitem__(self, part: str) -> Observation:
        return self.parts[part]


Predicate = Callable[[Case], Answer]


@dataclass(frozen=True, slots=True)
class Claim:
    """A sentence that can be false."""

    id: str
    source: Source
    sentence: str
    """The claim itself, in the words of its source as far as possible."""
    tried: str
    """How the lab tries it, in a sentence."""
    parts: Mapping[str, tuple[str, ...]]
    """Patterns of the cells that it needs, by the name of the part of a case."""
    predicate: Predicate
    without: tuple[str, ...] = ()
    """Patterns of cells that it does not mean."""
    apart: tuple[str, ...] = ()
    """The axes on which the parts of one case differ."""
    traced: bool = False
    """Whether it asks who signalled whom: then /proc alone cannot tell."""
    modelled: bool = False
    """Whether a model of a runner may answer it, where the real one cannot be had: its word is
    what the model's author read in the source."""
    asks: str = ""
    """The open question that goes with it."""

    @property
    def reading(self) -> str:
        """When a case counts as yes, in the words of the predicate's docstring."""
        return " ".join((inspect.getdoc(self.predicate) or "").split())


def claim(  # noqa: PLR0913 each is one field of the claim, and named
    id: str,  # noqa: A002 it is the word for it
    *,
    source: Source,
    sentence: str,
    tried: str,
    cells: str | tuple[str, ...] | Mapping[str, str | tuple[str, ...]],
    without: str | tuple[str, ...] = (),
    apart: tuple[str, ...] = (),
    traced: bool = False,
    modelled: bool = False,
    asks: str = "",
) -> Callable[[Predicate], Claim]:
    """Make a claim of a predicate over one case; its docstring says when the claim holds.

    ``cells`` are patterns of cell ids, word by word: ``*``, ``?`` and ``[…]`` as in a shell,
    ``{a,b}`` for either. Where a case needs several cells they are given by name, and ``apart``
    says on which axes these differ; parts with the same patterns are each cell and the next of
    that axis (a version and the one that follows).
    """
    given = cells if isinstance(cells, Mapping) else {"cell": cells}
    parts = {name: _several(patterns) for name, patterns in given.items()}
    unknown = [axis for axis in apart if axis not in AXES]
    if unknown:
        raise ValueError(f"{id}: there is no axis {unknown[0]}; the axes are {', '.join(AXES)}")
    if (len(parts) > 1) is not bool(apart):
        raise ValueError(
            f"{id}: several parts need the axes on which they are apart, one needs none"
        )

    def made(predicate: Predicate) -> Claim:
        return Claim(
            id=id,
            source=source,
            sentence=sentence,
            tried=tried,
            parts=parts,
            predicate=predicate,
            without=_several(without),
            apart=apart,
            traced=traced,
            modelled=modelled,
            asks=asks,
        )

    return made


def _several(patterns: str | tuple[str, ...]) -> tuple[str, ...]:
    return (patterns,) if isinstance(patterns, str) else patterns

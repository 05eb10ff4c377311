"""What the page is made of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from aftercancel.judge.claims import Claim, Finding
from aftercancel.judge.effects import Compared
from aftercancel.render.page.chunks import Chunk
from aftercancel.render.results import Results
from aftercancel.render.stories import Story


@dataclass(frozen=True, slots=True)
class Word:
    """A word of the catalogue: a job, a shell, a launcher, a runner or a cancellation."""

    id: str
    sentence: str
    version: str = ""
    """Of a shell, a launcher's program or a runner, as the run recorded it."""
    name: str = ""
    """A job's file name."""
    text: str = ""
    """A job's script; a launcher's command line."""
    remedy: bool = False
    """Whether it is meant to be copied: then it is offered where another cell is red."""
    follows: str = ""
    """Of a modelled runner: the source that it follows."""


@dataclass(frozen=True, slots=True)
class Words:
    """The words that the run's cells are made of, by axis and id."""

    jobs: Mapping[str, Word] = field(default_factory=dict)
    shells: Mapping[str, Word] = field(default_factory=dict)
    launchers: Mapping[str, Word] = field(default_factory=dict)
    runners: Mapping[str, Word] = field(default_factory=dict)
    cancellations: Mapping[str, Word] = field(default_factory=dict)
    note: str = ""
    """What a reader must know of them: that sources are as the catalogue has them now."""

    def by_axis(self) -> dict[str, Mapping[str, Word]]:
        """By the name of the word in a cell's id."""
        return {
            "job": self.jobs,
            "shell": self.shells,
            "launcher": self.launchers,
            "runner": self.runners,
            "cancellation": self.cancellations,
        }


class Question(Protocol):
    """An open question, answered from verdicts."""

    @property
    def id(self) -> str: ...
    @property
    def asked(self) -> str:
        """The question in the words of its source."""

    @property
    def short(self) -> str:
        """The answer in a sentence or two."""

    @property
    def paragraphs(self) -> tuple[str, ...]: ...
    @property
    def claims(self) -> tuple[str, ...]:
        """Ids of the claims that the answer is made from."""

    @property
    def evidence(self) -> tuple[str, ...]:
        """Keys of attempts."""

    @property
    def script(self) -> str:
        """File name of the small script that shows it."""

    @property
    def text(self) -> str:
        """Its source."""

    @property
    def how(self) -> str:
        """The command lines that run it by hand, a line each."""


@dataclass(frozen=True, slots=True)
class PageData:
    """Everything that the page shows."""

    title: str
    results: Results
    words: Words = Words()
    environment: tuple[tuple[str, str], ...] = ()
    findings: tuple[tuple[Claim, Finding], ...] = ()
    stories: Mapping[str, Story] = field(default_factory=dict)
    """By the key of the attempt, for the evidence of claims."""
    questions: tuple[Question, ...] = ()
    effects: tuple[Compared, ...] = ()
    chunks: Iterable[Chunk] = ()
    """Read once, while the page is made."""
    unreadable: tuple[str, ...] = ()
    """Stored lines that cannot be read, in words."""
    incomplete: str = ""
    """What makes the run incomplete, in sentences; empty: nothing does."""

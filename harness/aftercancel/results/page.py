"""What the HTML page of a judged run is made of, gathered from the run's folder."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from aftercancel import catalog
from aftercancel.errors import AftercancelError
from aftercancel.judge.effects import Compared
from aftercancel.judge.questions import Question
from aftercancel.model import Cell
from aftercancel.render.page import Chunk, PageData, Payload, Word, Words, pack, payload
from aftercancel.render.stories import Story, told
from aftercancel.results.environment import environment
from aftercancel.results.lines import attempt_key
from aftercancel.results.record import Record
from aftercancel.results.reports import JudgedRun
from aftercancel.results.stored import JudgedLine, StoredLines, Told, side_by_side, to_nobody
from aftercancel.results.wording import Meanings, RunnerMeaning, Wording, wording

_CELLS = 64
"""In one chunk: what is inflated when a reader opens a cell is some 400 kB."""
_FLAGS = ("-e", "-xe")


@dataclass(frozen=True, slots=True)
class _Shown:
    """A question as the page has it."""

    id: str
    asked: str
    short: str
    paragraphs: tuple[str, ...]
    claims: tuple[str, ...]
    evidence: tuple[str, ...]
    script: str
    text: str
    how: str


def _shown(question: Question) -> _Shown:
    cells = dict.fromkeys(cell for seen in question.evidence for cell in seen.cells)
    return _Shown(
        id=question.id,
        asked=question.asked,
        short=question.short,
        paragraphs=question.paragraphs,
        claims=question.claims,
        evidence=tuple(cells),
        script=question.script,
        text=question.text,
        how="\n".join(question.how),
    )


def page_data(
    run: JudgedRun,
    questions: tuple[Question, ...],
    effects: tuple[Compared, ...],
    processes: int = 1,
    told_share: Told = to_nobody,
) -> PageData:
    """Everything; the chunks are made while they are read, in so many processes.

    ``told_share`` is called with the share of them that are made.
    """
    reports = run.reports
    record = reports.record
    return PageData(
        title="After the cancel",
        results=reports.results,
        words=_words(record),
        environment=() if record is None else environment(record),
        findings=reports.findings,
        stories=_stories(run),
        questions=tuple(map(_shown, questions)),
        effects=effects,
        chunks=_chunks(run, processes, told_share),
        unreadable=tuple(str(bad) for bad in reports.bad_lines),
        incomplete=_incomplete(record),
    )


def _incomplete(record: Record | None) -> str:
    if record is None:
        return "This run has no run.json: whether it is complete cannot be known."
    return f"This run is incomplete. {record.why_not}" if record.why_not else ""


def _chunks(run: JudgedRun, processes: int, told_share: Told) -> Iterator[Chunk]:
    kept = _of_each_behaviour(run)
    batches = [kept[first : first + _CELLS] for first in range(0, len(kept), _CELLS)]
    made = side_by_side(partial(_chunk, run.stored), batches, processes)
    for done, chunk in enumerate(made, 1):
        yield chunk
        told_share(done / len(batches))


def _chunk(stored: StoredLines, lines: Sequence[JudgedLine]) -> Chunk:
    return pack([_payload(stored, line) for line in lines])


def _payload(stored: StoredLines, line: JudgedLine) -> Payload:
    return payload(stored.observation(line.place), stored.text(line.place).strip(), line.outcome)


def _of_each_behaviour(run: JudgedRun) -> list[JudgedLine]:
    """In the order of the results, one attempt of each behaviour of a cell: the others are alike."""
    seen: set[tuple[str, bytes]] = set()
    kept = []
    for outcome in run.reports.results.outcomes:
        line = run.judged.lines[attempt_key(outcome.cell, outcome.attempt)]
        if not line.behaviour or (line.cell, line.behaviour) not in seen:
            seen.add((line.cell, line.behaviour))
            kept.append(line)
    return kept


def _stories(run: JudgedRun) -> Mapping[str, Story]:
    """Those of the best evidence for each claim, by the key of the attempt."""
    found: dict[str, Story] = {}
    for _, finding in run.reports.findings:
        for number in finding.evidence:
            case = finding.cases[number]
            for cell in case.cells.values():
                for attempt in case.shown:
                    name = attempt_key(cell, attempt)
                    # A part that was measured less often stands in with its first attempt.
                    name = name if name in run.judged.lines else attempt_key(cell, 1)
                    observation = run.observation(name)
                    if observation is not None and name not in found:
                        found[name] = told(observation)
    return found


def _words(record: Record | None) -> Words:
    """As the run has them; those of an earlier version as the catalogue has them now."""
    stored = record.words if record is not None else Wording()
    note = ""
    if not stored.jobs:
        note = "The run did not store its words: they are shown as this aftercancel has them now."
        stored = _now()
    shells = record.shells if record is not None else {}
    return Words(
        jobs=_axis(stored.jobs),
        shells=_axis(stored.shells, shells),
        launchers=_axis(stored.launchers),
        runners=_axis(stored.runners),
        cancellations=_axis(stored.cancellations),
        note=note,
    )


def _axis(meanings: Meanings, versions: Mapping[str, str] | None = None) -> dict[str, Word]:
    return {
        name: Word(
            id=name,
            sentence=meaning.sentence,
            version=(versions or {}).get(_family(name), ""),
            name=meaning.name,
            text=meaning.text,
            remedy=meaning.remedy,
            follows=meaning.follows if isinstance(meaning, RunnerMeaning) else "",
        )
        for name, meaning in meanings.items()
    }


def _family(shell: str) -> str:
    for flag in _FLAGS:
        shell = shell.removesuffix(flag)
    return shell


def _now() -> Wording:
    try:
        cells: Iterable[Cell] = catalog.load().cells()
    except AftercancelError:
        cells = ()
    return wording(cells)

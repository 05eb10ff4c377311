"""Make reports/ from a stored run: ``reports.py DIR OUT``.

Behaviour stands in files whose diff shows behaviour and nothing else: no time, no process id, no
host. What differs from run to run (the observations themselves, the page) is below measured/.
"""

from __future__ import annotations

import lzma
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from aftercancel import render
from aftercancel.errors import AftercancelError, CouldNotTell, UsageError
from aftercancel.judge.words import visible
from aftercancel.model import Outcome
from aftercancel.render import claims_markdown
from aftercancel.render import questions as answers
from aftercancel.render.page import page
from aftercancel.results import OBSERVATIONS, RunFolder, claims
from aftercancel.results.answers import answered, effects
from aftercancel.results.environment import stable
from aftercancel.results.lines import PACKED
from aftercancel.results.page import page_data
from aftercancel.results.reports import JudgedRun, judged_run
from aftercancel.results.stored import all_processors

_MEASURED = "measured"


def behaviours(run: JudgedRun) -> Iterator[str]:
    """A line for each behaviour of each cell, sorted: its outcome, and its fingerprint."""
    lines = set()
    for line in run.judged.lines.values():
        print_of = run.judged.prints[line.behaviour]
        lines.add(f"{visible(line.cell)}\t{_in_short(line.outcome)}\t{print_of.text}")
    yield from sorted(lines)


def _in_short(outcome: Outcome) -> str:
    roles = f" ({' '.join(visible(role) for role in outcome.roles)})" if outcome.roles else ""
    return f"{outcome.processes}{roles} | {outcome.cleanup} | {outcome.report}"


def matrix(run: JudgedRun) -> str:
    """The matrix without how often each behaviour of an unstable cell was seen: that is chance."""
    return render.markdown(run.reports.results, "The matrix of the reference run", chances=False)


def versions(run: JudgedRun) -> Iterator[str]:
    record = run.reports.record
    if record is None:
        raise UsageError("The run has no run.json, so its versions are not known: make it again.")
    yield from (f"{name}: {value}" for name, value in stable(record))


def texts(run: JudgedRun) -> Iterator[tuple[str, str]]:
    """The files whose diff shows behaviour, by name."""
    yield "behaviour.tsv", _lines(behaviours(run))
    yield "versions.txt", _lines(versions(run))
    yield "matrix.md", matrix(run)
    yield "claims.md", claims_markdown.markdown(run.reports.findings)
    yield "questions.md", answers.markdown(answered(run))


def write(out: Path, stored: RunFolder, run: JudgedRun) -> None:
    measured = out / _MEASURED
    measured.mkdir(parents=True, exist_ok=True)
    for name, text in texts(run):
        (out / name).write_text(text)
    _pack(stored.stored, measured / f"{OBSERVATIONS}{PACKED}")
    assert run.reports.record is not None
    folder = RunFolder(measured)
    folder.write_record(run.reports.record)
    data = page_data(run, answered(run), effects(run), all_processors())
    folder.write_pieces("report.html", (piece.encode() for piece in page(data)))


def _pack(source: Path, packed: Path) -> None:
    """Compress the observations; those of the reference run itself are so already."""
    if source.resolve() == packed.resolve():
        return
    data = source.read_bytes()
    if source.suffix != PACKED:
        data = lzma.compress(data, preset=9)
    RunFolder(packed.parent).write(packed.name, data)


def _lines(lines: Iterable[str]) -> str:
    return "".join(f"{line}\n" for line in lines)


def main() -> int:
    if len(sys.argv) != 3:
        raise UsageError(
            "Usage: reports.py DIR OUT, the folder of a stored run and where to write."
        )
    stored, out = RunFolder.open(Path(sys.argv[1])), Path(sys.argv[2])
    with judged_run(stored, stored.record(), claims.read(), all_processors(), prints=True) as run:
        if not run.reports.complete or run.reports.record is None:
            why = " ".join(run.reports.notices) or run.reports.sentence()
            raise CouldNotTell(f"{out} was left as it is: a part of the run is missing. {why}")
        write(out, stored, run)
        print(f"{out}: {run.reports.sentence()}")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except AftercancelError as error:
        print(error, file=sys.stderr)
        sys.exit(int(error.status))

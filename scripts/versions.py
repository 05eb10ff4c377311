"""A table of a runner's behaviour by its version: ``versions.py DIR RUNNER OUT.md``.

Of a stored run with several versions of one real runner side by side: every cell's three signs under
each version, and between which versions a behaviour changes, in the words of its fingerprint.
"""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path

from tabulate import tabulate

from aftercancel.errors import AftercancelError, UsageError
from aftercancel.judge import differences, fingerprint, judged
from aftercancel.judge.claims.words import words
from aftercancel.judge.prints import Fingerprint
from aftercancel.judge.words import visible
from aftercancel.model import Observation
from aftercancel.render.results import CellResult
from aftercancel.render.signs import LEGEND, as_text, signs
from aftercancel.results import RunFolder

Attempts = Mapping[str, Sequence[Observation]]
"""The attempts at one cell, by version."""


def versions_of(seen: Iterable[Attempts]) -> list[str]:
    """All versions, the oldest first."""
    found = {version for attempts in seen for version in attempts}
    return sorted(found, key=lambda version: [int(part) for part in version.split(".")])


def by_cell(observations: Iterable[Observation], runner: str) -> dict[str, Attempts]:
    """The runner's cells without the version, and what was seen under each."""
    found: dict[str, dict[str, list[Observation]]] = defaultdict(lambda: defaultdict(list))
    for observation in observations:
        cell = words(observation.cell)
        if cell.version and (cell.runner == runner or cell.runner.startswith(f"{runner}-")):
            shell = f"{cell.shell}{cell.flags}"
            name = f"{cell.job}/{shell}/{cell.launcher}/{cell.runner}/{cell.cancellation}"
            found[name][cell.version].append(observation)
    return dict(found)


def table(cells: Mapping[str, Attempts]) -> str:
    """One row a cell, one column a version."""
    columns = versions_of(cells.values())
    rows = [
        [visible(name), *(_three_signs(attempts.get(version, ())) for version in columns)]
        for name, attempts in sorted(cells.items(), key=lambda item: _by_cancellation(item[0]))
    ]
    return tabulate(rows, headers=["cell", *columns], tablefmt="github", disable_numparse=True)


def _by_cancellation(name: str) -> tuple[str, str, str]:
    job, shell, _, runner, cancellation = name.split("/")
    return runner, cancellation, f"{job}/{shell}"


def _three_signs(attempts: Sequence[Observation]) -> str:
    if not attempts:
        return ""
    unstable = len(_prints(attempts)) > 1
    outcomes = tuple(map(judged, attempts))
    return as_text(signs(CellResult(attempts[0].cell, outcomes, unstable, missing=False)))


def changes(cells: Mapping[str, Attempts]) -> Iterator[tuple[str, str, tuple[str, ...], list[str]]]:
    """(version, next version, what differs, the cells of which), behaviour by behaviour."""
    columns = versions_of(cells.values())
    for before, after in pairwise(columns):
        alike: dict[tuple[str, ...], list[str]] = defaultdict(list)
        for name, attempts in sorted(cells.items()):
            old, new = (_prints(attempts.get(version, ())) for version in (before, after))
            # With a behaviour in common there is no change that could be told from chance.
            if old and new and not {p.text for p in old} & {p.text for p in new}:
                alike[tuple(differences(old[0], new[0]))].append(name)
        for what, names in sorted(alike.items(), key=lambda item: (-len(item[1]), item[0])):
            yield before, after, what, names


def _prints(attempts: Sequence[Observation]) -> list[Fingerprint]:
    found = {p.text: p for a in attempts if a.trouble is None for p in [fingerprint(a)]}
    return [found[text] for text in sorted(found)]


def document(runner: str, cells: Mapping[str, Attempts]) -> Iterator[str]:
    """The page, in Markdown."""
    columns = versions_of(cells.values())
    attempts = max(len(a) for each in cells.values() for a in each.values())
    yield f"# {runner}: behaviour by version"
    yield ""
    yield (
        f"{len(cells)} cells under {len(columns)} versions, {columns[0]} to {columns[-1]}, each "
        f"measured {attempts} times. The versions between were not tried: a change stands between "
        "two that were."
    )
    yield ""
    for place, meanings in LEGEND:
        yield f"- {place}: {'; '.join(f'`{s.character}` {s.meaning}' for s in meanings)}"
    yield ""
    yield table(cells)
    yield ""
    yield "## What changes"
    for before, after, what, names in changes(cells):
        yield ""
        yield f"**{before} → {after}**, {len(names)} cells: {', '.join(f'`{n}`' for n in names)}"
        yield ""
        yield from (f"- {visible(each)}" for each in what)
    yield ""


def main(arguments: Sequence[str]) -> int:
    if len(arguments) != 3:
        print(__doc__, file=sys.stderr)
        return 3
    folder, runner, out = arguments
    try:
        lines = RunFolder.open(Path(folder)).observations()
        cells = by_cell((each for each in lines if isinstance(each, Observation)), runner)
        if not cells:
            raise UsageError(f"{folder} has no cell of {runner} with a version.")
    except AftercancelError as error:
        print(f"versions: {error}", file=sys.stderr)
        return int(error.status)
    Path(out).write_text("\n".join(document(runner, cells)), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""Which real runners this machine has: named on the command line, in a folder of theirs, in PATH.

The folders are those of AFTERCANCEL_RUNNERS, else ``~/.cache/aftercancel/runners``; there a
program may have its version behind its name (``buildkite-agent-3.62.0``), and every version is
taken. In PATH only one is.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path

from aftercancel.errors import RunnerError, UsageError, did_you_mean
from aftercancel.model import Runner
from aftercancel.runners import registry
from aftercancel.runners.protocol import Found, Kind

FOLDERS = "AFTERCANCEL_RUNNERS"
_RESOLVED = "AFTERCANCEL_RUNNERS_FOUND"
"""For the processes that this one starts: what was found already, so that all see the same."""


@dataclass(frozen=True, slots=True)
class Search:
    """What was found of one kind of runner."""

    name: str
    found: tuple[Found, ...] = ()
    """Every version once, sorted."""
    problems: tuple[str, ...] = ()
    """Of what looked like it and is not."""


@dataclass(frozen=True, slots=True)
class Named:
    """A runner that the command line names, ``NAME`` or ``NAME=PATH``."""

    name: str
    path: Path | None = None


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which runners are asked for; nothing named: all that are found."""

    named: tuple[Named, ...] = field(default=())

    @classmethod
    def of(cls, words: Iterable[str]) -> Wanted:
        """Of the option's values."""
        named = []
        for word in words:
            name, sign, path = word.partition("=")
            if not name or (sign and not path):
                raise UsageError(f"{word!r} names no runner. Write NAME or NAME=PATH.")
            named.append(Named(name, Path(path).expanduser().absolute() if path else None))
        return cls(tuple(named))

    def paths(self, kind: str) -> tuple[Path, ...]:
        return tuple(n.path for n in self.named if n.name == kind and n.path is not None)


def find(kind: Kind, paths: Sequence[Path] = ()) -> Search:
    """What there is of one kind; ``paths``: there and nowhere else."""
    found: dict[str, Found] = {}
    problems: list[str] = []
    problems += [f"{folder} is no folder." for folder in _folders() if folder.is_file()]
    for path in paths or _candidates(kind):
        try:
            one = kind.find(path)
        except RunnerError as error:
            problems.append(str(error))
        else:
            found.setdefault(one.version, one)
    versions = sorted(found.values(), key=lambda each: _order(each.version))
    return Search(kind.name, tuple(versions), tuple(problems))


def _candidates(kind: Kind) -> list[Path]:
    there: list[Path] = []
    for folder in _folders():
        for program in kind.programs:
            there += [folder / program] if (folder / program).exists() else []
            there += sorted(p for p in folder.glob(f"{program}-*") if _is_version(p, program))
    if not there:
        hits = (shutil.which(program) for program in kind.programs)
        there = [Path(hit) for hit in hits if hit is not None][:1]
    return there


def _folders() -> list[Path]:
    said = os.environ.get(FOLDERS)
    if said is not None:
        return [Path(each).expanduser() for each in said.split(os.pathsep) if each]
    return [Path("~/.cache/aftercancel/runners").expanduser()]


def _is_version(path: Path, program: str) -> bool:
    return path.name[len(program) + 1 :][:1].isdigit()


def _order(version: str) -> tuple[tuple[int, str], ...]:
    """17.10 comes after 17.9."""
    words = version.replace("-", ".").replace("+", ".").split(".")
    return tuple((int(word), "") if word.isdigit() else (-1, word) for word in words)


def search(kinds: Iterable[str], wanted: Wanted) -> dict[str, Search]:
    """All of these, side by side: each asks its program for its version."""
    names = sorted(set(kinds))
    told = json.loads(os.environ.get(_RESOLVED, "{}"))

    def one(name: str) -> Search:
        if name in told:
            rows = (Found(Path(p), Path(b), v) for p, b, v in told[name]["found"])
            return Search(name, tuple(rows), tuple(told[name]["problems"]))
        paths = wanted.paths(name)
        found = find(registry.kind(name), paths)
        if paths and found.problems:
            raise UsageError(f"--runner {name}: {found.problems[0]}")
        return found

    with ThreadPoolExecutor(max_workers=4) as pool:
        searches = {each.name: each for each in pool.map(one, names)}
    os.environ[_RESOLVED] = json.dumps(
        told
        | {
            name: {
                "found": [(str(f.program), str(f.brought), f.version) for f in each.found],
                "problems": each.problems,
            }
            for name, each in searches.items()
        }
    )
    return searches


def versions(
    runners: Mapping[str, Runner], searches: Mapping[str, Search]
) -> dict[str, tuple[Runner, ...]]:
    """For each real runner of the catalogue one with every version found; none: not here."""
    made: dict[str, tuple[Runner, ...]] = {}
    for name, runner in runners.items():
        hits = searches[runner.adapter].found if runner.adapter in searches else ()
        if runner.real and hits:
            made[name] = tuple(
                replace(
                    runner,
                    id=f"{name}@{_spelt(hit.version)}",
                    program=str(hit.program),
                    brought=str(hit.brought),
                    version=hit.version,
                )
                for hit in hits
            )
    return made


def _spelt(version: str) -> str:
    """As it can stand in a cell's id."""
    return "".join(sign if sign.isalnum() or sign in "._-" else "-" for sign in version)


def not_here(runner: Runner, searches: Mapping[str, Search]) -> str | None:
    """Why this real runner's cells cannot be measured here, and what to do; None: they can."""
    if not runner.real or runner.program:
        return None
    kind = registry.kind(runner.adapter)
    problems = searches[runner.adapter].problems if runner.adapter in searches else ()
    why = problems[0] if problems else f"{runner.adapter} was not found."
    return f"{why} {kind.get} Then name it: --runner {runner.adapter}=PATH."


def check(wanted: Wanted, runners: Mapping[str, Runner]) -> None:
    """Refuse a name that no runner has, and a path for a program that is not brought along."""
    known = {*runners, *registry.NAMES}
    for named in wanted.named:
        if named.name not in known:
            near = did_you_mean(named.name, sorted(known)) or "`aftercancel runners` shows all."
            raise UsageError(f"There is no runner {named.name}. {near}")
        if named.path is not None and named.name not in registry.NAMES:
            kinds = ", ".join(registry.NAMES)
            raise UsageError(
                f"{named.name} has no program of its own. A path is given to one of: {kinds}."
            )

"""Which real runners this machine has: named on the command line, in a folder of theirs, in PATH.

The folders are those of AFTERCANCEL_RUNNERS, else ``~/.cache/aftercancel/runners``; there a
program may have its version behind its name (``buildkite-agent-3.62.0``), and every version is
taken. In PATH only one is. The command line may also name an image, which has the program.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path

from aftercancel import programs
from aftercancel.caches import cache
from aftercancel.errors import MissingError, RunnerError, UsageError, did_you_mean
from aftercancel.model import EngineKind, Runner
from aftercancel.runners import from_image, registry
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
    """A runner that the command line names: ``NAME``, ``NAME=PATH`` or ``NAME=image:REFERENCE``."""

    name: str
    path: Path | None = None
    image: str = ""
    """A reference as in ``docker pull``; empty: none was named."""


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
                raise UsageError(
                    f"{word!r} names no runner. Write NAME, NAME=PATH or NAME=image:REFERENCE."
                )
            if path.startswith(from_image.SIGN):
                named.append(Named(name, image=_reference(word, path)))
                continue
            named.append(Named(name, Path(path).expanduser().absolute() if path else None))
        return cls(tuple(named))

    def paths(self, kind: str) -> tuple[Path, ...]:
        return tuple(n.path for n in self.named if n.name == kind and n.path is not None)

    def images(self, kind: str) -> tuple[str, ...]:
        return tuple(n.image for n in self.named if n.name == kind and n.image)


def _reference(word: str, path: str) -> str:
    reference = path.removeprefix(from_image.SIGN)
    if not reference or any(sign.isspace() for sign in reference):
        raise UsageError(
            f"{word!r} names no image. Write it as for docker pull: "
            "gitlab-runner=image:gitlab/gitlab-runner:v17.3.0."
        )
    return reference


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
    try:
        return [cache() / "runners"]
    except MissingError:  # a user without a home has none there
        return []


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
            rows = (Found(Path(p), Path(b), v, i) for p, b, v, i in told[name]["found"])
            return Search(name, tuple(rows), tuple(told[name]["problems"]))
        kind = registry.kind(name)
        taken = [from_image.take(name, each, kind.in_image) for each in wanted.images(name)]
        paths = (*wanted.paths(name), *(each.program for each in taken))
        found = _with_images(find(kind, paths), taken)
        if paths and found.problems:
            raise UsageError(f"--runner {name}: {found.problems[0]}")
        return found

    with ThreadPoolExecutor(max_workers=4) as pool:
        searches = {each.name: each for each in pool.map(one, names)}
    os.environ[_RESOLVED] = json.dumps(
        told
        | {
            name: {
                "found": [(str(f.program), str(f.brought), f.version, f.image) for f in each.found],
                "problems": each.problems,
            }
            for name, each in searches.items()
        }
    )
    return searches


def _with_images(found: Search, taken: Iterable[from_image.Taken]) -> Search:
    """Each with the image that it came from."""
    # A program is known by what was looked at, whatever an adapter made of the path.
    images = {each.program.resolve(): each.image for each in taken}
    rows = (replace(f, image=images.get(f.program.resolve(), f.image)) for f in found.found)
    return replace(found, found=tuple(rows))


def versions(
    runners: Mapping[str, Runner], searches: Mapping[str, Search]
) -> dict[str, tuple[Runner, ...]]:
    """For each real runner of the catalogue one with every version found; none: not here."""
    made: dict[str, tuple[Runner, ...]] = {}
    for name, runner in runners.items():
        hits = _usable(runner, searches)
        if runner.real and hits and _lacking(runner) is None:
            made[name] = tuple(
                replace(
                    runner,
                    id=f"{name}@{_spelt(hit.version)}",
                    program=str(hit.program),
                    brought=str(hit.brought),
                    version=hit.version,
                    image=hit.image,
                )
                for hit in hits
            )
    return made


def _usable(runner: Runner, searches: Mapping[str, Search]) -> list[Found]:
    """What was found and can be run as this runner is."""
    found = searches[runner.adapter].found if runner.adapter in searches else ()
    options = dict(runner.options)
    if not found or not options:
        return list(found)
    refuses = registry.kind(runner.adapter).refuses
    return [hit for hit in found if refuses(hit.program, options) is None]


def _lacking(runner: Runner) -> str | None:
    """What it needs beside its own program and is not there, and how to get it; None: nothing."""
    if runner.engine is not EngineKind.DOCKER:
        return None
    needs = [programs.of_need(name) for name in ("dockerd", "containerd", "runc")]
    lacking = [needed.command for needed in needs if needed.path is None]
    if not lacking:
        return None
    return f"{' and '.join(lacking)} not there: apt-get install docker.io"


def _spelt(version: str) -> str:
    """As it can stand in a cell's id."""
    return "".join(sign if sign.isalnum() or sign in "._-" else "-" for sign in version)


def not_here(runner: Runner, searches: Mapping[str, Search]) -> str | None:
    """Why this real runner's cells cannot be measured here, and what to do; None: they can."""
    if not runner.real or runner.program:
        return None
    kind = registry.kind(runner.adapter)
    found = searches[runner.adapter].found if runner.adapter in searches else ()
    if found and (lacking := _lacking(runner)) is not None:
        return lacking
    if found and not _usable(runner, searches):
        options = dict(runner.options)
        refusals = (kind.refuses(hit.program, options) for hit in found)
        return " ".join(words for words in refusals if words is not None)
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
        if (named.path is not None or named.image) and named.name not in registry.NAMES:
            kinds = ", ".join(registry.NAMES)
            raise UsageError(
                f"{named.name} has no program of its own. A path or an image is given to one of: "
                f"{kinds}."
            )

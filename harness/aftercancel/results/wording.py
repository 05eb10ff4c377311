"""What the words of a run meant when it was run: a report shows a job as it was, not as it is now."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from aftercancel.executor.launch import launch
from aftercancel.model import Cell, Launcher


@dataclass(frozen=True, slots=True)
class Meaning:
    """One word of a cell's id."""

    sentence: str
    name: str = ""
    """Of a job: its script's file name."""
    text: str = ""
    """Of a job: its script. Of a launcher: its command line, and the files that it needs."""
    remedy: bool = False


@dataclass(frozen=True, slots=True)
class RunnerMeaning(Meaning):
    """A runner."""

    modelled: bool = False
    """Whether it is a model of one."""
    follows: str = ""
    """Of a modelled runner: the source that it follows."""


Meanings = Mapping[str, Meaning]


@dataclass(frozen=True, slots=True)
class Wording:
    """Every word of the cells of a run, by its id."""

    jobs: Meanings = field(default_factory=dict)
    shells: Meanings = field(default_factory=dict)
    launchers: Meanings = field(default_factory=dict)
    runners: Mapping[str, RunnerMeaning] = field(default_factory=dict)
    cancellations: Meanings = field(default_factory=dict)


def wording(cells: Iterable[Cell]) -> Wording:
    """The words of these cells as the catalogue has them."""
    found: dict[str, dict[str, Meaning]] = {}
    runners: dict[str, RunnerMeaning] = {}
    for cell in cells:
        found.setdefault("jobs", {}).setdefault(
            cell.job.id,
            Meaning(cell.job.sentence, cell.job.name, cell.job.script, cell.job.remedy),
        )
        found.setdefault("launchers", {}).setdefault(
            cell.launcher.id,
            Meaning(
                cell.launcher.sentence, text=_launched(cell.launcher), remedy=cell.launcher.remedy
            ),
        )
        for axis, word in (("shells", cell.shell), ("cancellations", cell.cancellation)):
            found.setdefault(axis, {}).setdefault(word.id, Meaning(word.sentence))
        runner = cell.runner
        runners.setdefault(
            runner.id,
            RunnerMeaning(runner.sentence, modelled=bool(runner.model), follows=runner.follows),
        )
    return Wording(
        jobs=found.get("jobs", {}),
        shells=found.get("shells", {}),
        launchers=found.get("launchers", {}),
        runners=runners,
        cancellations=found.get("cancellations", {}),
    )


def _launched(launcher: Launcher) -> str:
    """Its command line, with JOB for the job's, and the rules and files that make it work."""
    if not launcher.hops[0].argv:
        return ""
    made = launch(launcher, ["JOB"], {}, ".")
    parts = [shlex.join(word.strip() for word in made.argv)]
    if made.far is not None and made.far.forced:
        parts.append(f"# forced command\n{made.far.forced.strip()}")
    parts += [f"# sudoers\n{rule}" for rule in made.sudoers]
    parts += [f"# {file.path}\n{file.text.rstrip()}" for file in made.files]
    return "\n".join(parts)

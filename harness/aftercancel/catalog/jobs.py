"""Jobs: scripts with their entry in their own head.

The entry is a block of comments, TOML behind ``# ``, between ``# /// aftercancel`` and ``# ///``.
Tables ``[variant.ID]`` make further jobs of the same script, with fields of their own.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from aftercancel.catalog.fields import Fields, check_id
from aftercancel.catalog.lines import Place
from aftercancel.catalog.source import Source, Sources
from aftercancel.errors import Fault, did_you_mean
from aftercancel.model import Job, Shell, ShellKind

OPENING = "# /// aftercancel"
CLOSING = "# ///"
_KINDS = {".sh": ShellKind.POSIX, ".py": ShellKind.PYTHON}
_READY = "ready"
_PAUSE_S = 0.2
"""What Job says of pause_s where a script does not."""
_UNBLOCKABLE = ("KILL", "STOP")


def read_jobs(sources: Sources, shells: Mapping[str, Shell]) -> dict[str, Job]:
    """Every job below ``jobs/``, in the order of the file names."""
    folder = sources.root / "jobs"
    jobs: dict[str, Job] = {}
    where: dict[str, str] = {}
    if not folder.is_dir():
        sources.faults.append(Fault(sources.file(folder), None, "The folder is missing."))
        return jobs
    for path in sorted(folder.iterdir()):
        if path.name.startswith((".", "__")) or path.suffix == ".md":
            continue
        if path.suffix not in _KINDS:
            hint = f"Allowed: {', '.join(f'NAME{suffix}' for suffix in _KINDS)}."
            sources.faults.append(Fault(sources.file(path), None, "This is no job.", hint))
            continue
        for job, source, place in _read(sources, path, shells):
            if job.id in jobs:
                problem = f"{job.id} is there twice: {where[job.id]} has it too."
                sources.fault(source, place, problem, "Rename one of them.")
            jobs[job.id] = job
            where[job.id] = source.file
    return jobs


def _read(
    sources: Sources, path: Path, shells: Mapping[str, Shell]
) -> tuple[tuple[Job, Source, Place], ...]:
    """The jobs that one script makes, each with the place where its id stands."""
    text = sources.read(path)
    source = None if text is None else head_of(sources, path, text, "the job")
    if text is None or source is None:
        sources.broken.add(path.stem)
        return ()
    check_id(sources, source, (), path.stem)
    common = {key: source.data[key] for key in source.data if key not in ("variant", "default")}
    head = Fields(sources, source, (), source.data)
    variants = head.tables("variant")
    own = head.flag("default", default=not variants)
    if not variants and head.has("default"):
        head.fault("default", "default has no meaning without variants.", "Remove it.")
    made: list[tuple[Job, Source, Place]] = []
    if own or not variants:
        job = _job(head, path, path.stem, text, shells)
        head.close()
        made.append((job, source, ()))
    for name, changes in variants.items():
        place = ("variant", name)
        check_id(sources, source, place, name)
        fields = _Variant(sources, source, place, {**common, **changes}, own=changes)
        made.append((_job(fields, path, name, text, shells), source, place))
        fields.close()
    return tuple(made)


class _Variant(Fields):
    """The fields of a variant: what it does not say itself, the head says."""

    def __init__(
        self,
        sources: Sources,
        source: Source,
        place: Place,
        table: Mapping[str, Any],
        *,
        own: Mapping[str, Any],
    ) -> None:
        super().__init__(sources, source, place, table)
        self._own = own

    def fault(self, key: str | None, problem: str, hint: str = "", word: str | None = None) -> None:
        place = self.place if key is None else (key,)
        if key is not None and key in self._own:
            place = (*self.place, key)
        fault_count = len(self.sources.faults)
        self.sources.fault(self.source, place, problem, hint, word)
        # A mistake in the head is met again by every variant; it is one mistake.
        if self.sources.faults[-1] in self.sources.faults[:fault_count]:
            self.sources.faults.pop()


def head_of(sources: Sources, path: Path, text: str, what: str) -> Source | None:
    """The TOML in a script's head, which tells of ``what``; None (and a fault) where it is not."""
    file = sources.file(path)
    rows = text.splitlines()
    if OPENING not in rows:
        near = did_you_mean(OPENING, [row for row in rows if row.startswith("#")])
        hint = f'Describe {what} between "{OPENING}" and "{CLOSING}". {near}'.strip()
        sources.faults.append(Fault(file, None, "The script's head has no entry.", hint))
        return None
    first = rows.index(OPENING) + 1
    lines: list[str] = []
    for number, row in enumerate(rows[first:], first + 1):
        if row == CLOSING:
            return sources.parse(file, "\n".join(lines) + "\n", before=first)
        if row != "#" and not row.startswith("# "):
            problem = "The entry is not closed, or a line in it is no comment."
            hint = f'Every line of it begins with "# ", and it ends with "{CLOSING}".'
            sources.faults.append(Fault(file, number, problem, hint))
            return None
        lines.append(row[2:])
    hint = f'It ends with "{CLOSING}".'
    sources.faults.append(Fault(file, first, "The entry is not closed.", hint))
    return None


def _job(fields: Fields, path: Path, name: str, text: str, shells: Mapping[str, Shell]) -> Job:
    job = Job(
        id=name,
        sentence=fields.text("sentence"),
        kind=_KINDS[path.suffix],
        script=text,
        name=path.name,
        shells=_shells(fields, _KINDS[path.suffix], shells),
        roles=fields.texts("roles"),
        marks=fields.texts("marks", required=True),
        cleanup=fields.text("cleanup", required=False) or None,
        removes=fields.texts("removes"),
        ignored=fields.texts("ignored"),
        sudoers=fields.texts("sudoers"),
        needs=fields.texts("needs"),
        env=fields.environment("env"),
        pause_s=fields.seconds("pause_s", _PAUSE_S),
        rests=fields.flag("rests", default=True),
        ends=fields.flag("ends", default=False),
        input=fields.bytes("input") if fields.has("input") else None,
        input_times=fields.number("input_times", 1),
        input_ends=fields.flag("input_ends", default=True),
        remedy=fields.flag("remedy", default=False),
        after=fields.text("after", required=False),
        queued=max(0, fields.number("queued", 0)),
    )
    _check_marks(fields, job)
    for signal in job.ignored:
        if fields.signal("ignored", signal) in _UNBLOCKABLE:
            fields.fault("ignored", f"{signal} cannot be ignored.", word=signal)
    for removed in job.removes:
        if not removed.startswith("/"):
            hint = f"Write the whole path, as /home/ci/{removed}."
            fields.fault("removes", f"{removed} does not begin with /.", hint, removed)
    return job


def _shells(fields: Fields, kind: ShellKind, shells: Mapping[str, Shell]) -> tuple[str, ...]:
    """The families that are named, without those that cannot be meant."""
    families = {shell.family: shell for shell in shells.values()}
    possible: list[str] = []
    for family in fields.texts("shells"):
        if "shells.toml" in fields.sources.broken:
            possible.append(family)  # It cannot be known; that the file is broken is the mistake.
        elif family not in families:
            place = (*fields.place, "shells")
            fields.sources.unknown(fields.source, place, "family of shells", family, families)
        elif families[family].kind is not kind:
            problem = f"{family} cannot run a {kind.value} job."
            fields.fault("shells", problem, "The script's ending says which kind it is.", family)
        else:
            possible.append(family)
    return tuple(possible)


def _check_marks(fields: Fields, job: Job) -> None:
    for mark in sorted({mark for mark in job.marks if job.marks.count(mark) > 1}):
        fields.fault("marks", f"The mark {mark} is there twice.", word=mark)
    if job.marks and _READY not in job.marks:
        hint = f'Without it the lab does not know when to fire: write the mark "{_READY}".'
        fields.fault("marks", f"The mark {_READY} is missing.", hint)
    if job.cleanup is None or not job.marks:
        return
    ends = {mark.removesuffix(" end") for mark in job.marks}
    if job.cleanup not in ends:
        candidates = tuple(sorted({mark.removesuffix(" begin") for mark in ends} - {_READY}))
        near = did_you_mean(job.cleanup, candidates)
        hint = f'{near} It needs the marks "{job.cleanup} begin" and "{job.cleanup} end".'.strip()
        fields.fault("cleanup", f"No mark tells of the clean-up {job.cleanup}.", hint, job.cleanup)

"""A small judged run with one of everything that the page shows, from made-up observations."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from aftercancel.judge import judged, stability
from aftercancel.judge.claims import (
    Answer,
    Case,
    Claim,
    Finding,
    Source,
    claim,
    judge_claim,
    no,
    yes,
)
from aftercancel.judge.effects import Compared, Difference, Side
from aftercancel.model import (
    Disposition,
    LeftFile,
    Observation,
    Processes,
    Signal,
    Stream,
    TroubleKind,
)
from aftercancel.render import Results, Section
from aftercancel.render.page import Chunk, PageData, Word, Words, pack, page, payload
from aftercancel.render.stories import told
from tests.observing import RUNNER, child, job, says, sent, survivor, trouble, with_cleanup

SHELLS, LAUNCHERS = ("bash", "dash"), ("none", "sudo")
CANCELLATIONS = ("TERM-process", "TERM-group", "end")
EVIL = "<script>alert('x')</script>|</script>"
"""A user's own script may have any name."""
GREEN = "recipe/dash/none/plain/TERM-process"
RED = "exit-trap/dash/none/plain/TERM-process"
UNSTABLE = "exit-trap/bash/none/plain/TERM-group"
UNKNOWN = "no-trap/bash/none/plain/end"
LONG = "no-trap/dash/none/plain/end"
BINARY = "no-trap/dash/sudo/plain/end"
FAR = "exit-trap/dash/sudo/plain/TERM-group"
MISSING = "exit-trap/zsh/none/plain/TERM-group"
EVIL_CELL = f"{EVIL}/dash/none/plain/TERM-group"


@dataclass(frozen=True)
class Answered:
    """An open question, as the page takes it."""

    id: str = "shells"
    asked: str = "Is it the same in every shell?"
    short: str = "No: dash skips the clean-up."
    paragraphs: tuple[str, ...] = ("Under bash it runs. <b>Not bold.</b>",)
    claims: tuple[str, ...] = ("T1",)
    evidence: tuple[str, ...] = (RED,)
    script: str = "shells.sh"
    text: str = "#!/bin/sh\ntrap 'echo bye' EXIT\n"
    how: str = "sh shells.sh\ndash shells.sh"


def good(cell: str) -> Observation:
    """Everything ends, and the clean-up runs."""
    ended = job(dies_at=4.0, signal=None, status=143, doomed_ms=None)
    one = child()
    signals = (sent("TERM", RUNNER, ended, Disposition.CAUGHT), sent("TERM", ended, one, at=2.0))
    marks = (says("ready", -20.0), says("EXIT begin", 1.0), says("EXIT end", 3.5))
    return replace(with_cleanup(*marks, processes=(ended, one), signals=signals), cell=cell)


def bad(cell: str) -> Observation:
    """The job dies at once, the child runs on."""
    signals = (sent("TERM", RUNNER, job()),)
    return replace(
        with_cleanup(says("ready", -20.0), processes=(job(), survivor()), signals=signals),
        cell=cell,
    )


def over_there(cell: str) -> Observation:
    """The child is on another host; one signal is refused, another never delivered."""
    first, other = job(), replace(survivor(), far=True)
    signals = (
        sent("TERM", RUNNER, first),
        sent("HUP", None, other, Disposition.IGNORED, 1.5, call="terminal"),
        sent("INT", first, other, Disposition.PENDING, 1.6),
        sent("KILL", RUNNER, None, at=2.0, error="EPERM", receiver_role="child"),
    )
    return replace(with_cleanup(processes=(first, other), signals=signals), cell=cell)


def flooded(cell: str) -> Observation:
    """Thousands of signals and dozens of processes."""
    first = job(dies_at=900.0)
    others = tuple(child(key=n, ended=800.0) for n in range(2, 90))
    signals: tuple[Signal, ...] = tuple(
        sent("USR1", RUNNER, first, Disposition.CAUGHT, 1.0 + n / 10) for n in range(3000)
    )
    return replace(with_cleanup(processes=(first, *others), signals=signals), cell=cell)


def printing_bytes(cell: str) -> Observation:
    """Output that is no text, and that would end the page's element if it were let."""
    raw = b"</script>\x1b[31m\xff\xfe\x00\n"
    stream = Stream(
        raw.decode("utf-8", "replace"),
        len(raw),
        0,
        cut=False,
        base64=base64.b64encode(raw).decode(),
    )
    return replace(good(cell), stdout=stream)


def observations() -> Iterator[Observation]:
    """A few dozen cells."""
    special = {FAR: over_there, LONG: flooded, BINARY: printing_bytes, UNSTABLE: good}
    for job_id in ("exit-trap", "no-trap", "recipe"):
        for shell in SHELLS:
            for launcher in LAUNCHERS:
                for cancellation in CANCELLATIONS:
                    cell = f"{job_id}/{shell}/{launcher}/plain/{cancellation}"
                    if cell == UNKNOWN:
                        found = trouble(TroubleKind.NOT_ARMED, "no mark <i>at all</i>")
                        yield replace(found, cell=cell)
                        continue
                    fine = job_id == "recipe" or (shell == "bash" and launcher == "none")
                    yield special.get(cell, good if fine else bad)(cell)
    yield replace(bad(UNSTABLE), attempt=2)
    yield replace(good(UNSTABLE), attempt=3)
    evil = bad(EVIL_CELL)
    named = replace(evil.processes[1], argv=("/bin/sh", EVIL), role="job")
    files = (LeftFile(EVIL, 3, "file"),)
    yield replace(
        evil,
        processes=(evil.processes[0], named, *evil.processes[2:]),
        marks=(says(EVIL, 1.0),),
        left=replace(evil.left, files=files),
    )


def words() -> Words:
    """The catalogue's side of it."""
    script = "#!/bin/sh\n# <script>alert('x')</script>\ntrap clean EXIT\n"
    return Words(
        jobs={
            "exit-trap": Word("exit-trap", "An EXIT trap alone.", name="exit-trap.sh", text=script),
            "no-trap": Word("no-trap", "No trap at all.", name="no-trap.sh", text=script),
            "recipe": Word("recipe", "To copy.", name="recipe.sh", text=script, remedy=True),
            EVIL: Word(EVIL, "<script>alert('sentence')</script>", name=EVIL, text=script),
        },
        shells={"dash": Word("dash", "The Debian Almquist shell.", version="0.5.12")},
        launchers={"sudo": Word("sudo", "sudo to root.", text="sudo job.sh")},
        runners={"plain": Word("plain", "Starts the job.")},
        cancellations={"TERM-group": Word("TERM-group", "TERM to the group.")},
        note="Sources are as the catalogue has them now.",
    )


@claim(
    "T1",
    source=Source.SHELLS,
    sentence="After a cancellation everything is gone | <script>alert('claim')</script>",
    tried="every job × TERM",
    cells="{exit-trap,recipe}/*/*/plain/TERM-*",
)
def gone(case: Case) -> Answer:
    """Nothing of the job runs any more."""
    if case.outcome.processes is Processes.GONE:
        return yes("Everything was gone.")
    return no("The child ran on.")


@claim(
    "T2",
    source=Source.RUNNERS,
    sentence="A runner that is not there yet does it",
    tried="that runner",
    cells="*/*/*/some-runner*/cancel",
)
def elsewhere(case: Case) -> Answer:
    """It does."""
    return yes("It did.")


def effects() -> tuple[Compared, ...]:
    """Two rows of the table of a forced terminal."""
    with_, without = Side(FAR, 1, ("echoed | <b>",)), Side(RED, 1, ("silent",))
    return (
        Compared("echo", "input", "Is input echoed?", Difference.DIFFERS, without, with_),
        Compared("rows", "output", "Is it the same?", Difference.SAME, without, without),
    )


def results(some: Iterable[Observation]) -> Results:
    """Judged, in two sections; one cell has no observation."""
    every = tuple(some)
    cells = tuple(dict.fromkeys(each.cell for each in every))
    return Results(
        outcomes=tuple(map(judged, every)),
        sections=(
            Section("traps", tuple(c for c in cells if c.startswith("exit-trap")), "EXIT traps."),
            Section("all|<b>", cells, "Everything <i>else</i>."),
        ),
        missing=(MISSING,),
        stability=tuple(each for each in stability(every) if each.measured > 1),
        unavailable=(("uv-run", "24 cells: uv is not there"),),
    )


def findings(some: Iterable[Observation]) -> tuple[tuple[Claim, Finding], ...]:
    """Both claims judged."""
    by_attempt = {(each.cell, each.attempt): each for each in some}
    attempts: dict[str, list[int]] = {}
    for cell, attempt in by_attempt:
        attempts.setdefault(cell, []).append(attempt)
    return tuple(
        (each, judge_claim(each, attempts, lambda cell, n: by_attempt[cell, n]))
        for each in (gone, elsewhere)
    )


def chunks(some: Iterable[Observation], size: int = 8) -> Iterator[Chunk]:
    """In chunks, of an unstable cell one attempt of each behaviour."""
    kept = [payload(each) for each in some if (each.cell, each.attempt) != (UNSTABLE, 3)]
    for n in range(0, len(kept), size):
        yield pack(kept[n : n + size])


def page_data(**more: Any) -> PageData:
    """The whole run as the page takes it."""
    every = tuple(observations())
    judged_claims = findings(every)
    by_cell = {each.cell: each for each in every if each.attempt == 1}
    evidence = {
        cell
        for _, finding in judged_claims
        for n in finding.evidence
        for cell in finding.cases[n].cells.values()
    }
    made = PageData(
        title="A run of <tests> | 2026",
        results=results(every),
        words=words(),
        environment=(("kernel", "6.18 <smp>"), ("dash", "0.5.12")),
        findings=judged_claims,
        stories={cell: told(by_cell[cell]) for cell in evidence},
        questions=(Answered(),),
        effects=effects(),
        chunks=chunks(every),
        unreadable=("line 7 is cut off <here>",),
        incomplete="This run is incomplete. It was interrupted.",
    )
    return replace(made, **more)


def html_of(
    *some: Observation, words: Words | None = None, lines: Mapping[str, bytes] | None = None
) -> str:
    """The page of these observations and nothing else; ``lines`` as they were stored, by cell."""
    stored = lines or {}
    made = PageData(
        title="A few cells",
        results=Results(tuple(map(judged, some))),
        words=words or Words(),
        chunks=[pack([payload(each, stored.get(each.cell)) for each in some])],
    )
    return "".join(page(made))


def html(**more: Any) -> str:
    """The page of it."""
    return "".join(page(page_data(**more)))

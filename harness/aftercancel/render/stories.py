"""One observation as a story: who was there, who signalled whom, what it did, what was left."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from aftercancel import judge
from aftercancel.judge import facts
from aftercancel.judge.claims.words import of_a_model
from aftercancel.judge.prints import PROMISED
from aftercancel.judge.words import shortened, visible, who
from aftercancel.model import (
    Job,
    Observation,
    Outcome,
    Process,
    Stream,
    TerminalModes,
)
from aftercancel.render.happenings import Happening, happenings
from aftercancel.render.relays import LATER, MEANING, relays

_MOST_EVENTS = 200
_MOST_THINGS = 40
_MOST_LINES = 12
_LONGEST_LINE = 160
_LOG_LINES = 40
OF_A_MODEL = "the runner is a model: it does what its author read in the source of the real one"


@dataclass(frozen=True, slots=True)
class Story:
    """A cell as a person reads it."""

    cell: str
    attempt: int
    sentence: str
    """What the job shows."""
    basis: str
    """The evidence, in words."""
    present: tuple[str, ...]
    """The processes at the moment of the cancellation."""
    happenings: tuple[Happening, ...]
    untold: int
    """How many more happenings there were than a person reads."""
    relays: tuple[str, ...]
    left: tuple[str, ...]
    output: tuple[str, ...]
    log: tuple[str, ...]
    """The end of a real runner's own log, where it was kept."""
    outcome: Outcome


def told(observation: Observation, job: Job | None = None) -> Story:
    """The story of one observation, harmless whatever the job called its things."""
    shown, untold = _from_both_ends(happenings(observation))
    return Story(
        cell=observation.cell,
        attempt=observation.attempt,
        sentence="" if job is None else visible(job.sentence),
        basis=_basis(observation),
        present=_most(_present(observation)),
        happenings=tuple(shown),
        untold=untold,
        relays=relays(observation),
        left=_most(_left(observation)),
        output=(*_output("stdout", observation.stdout), *_output("stderr", observation.stderr)),
        log=tuple(visible(line) for line in observation.runner_log.splitlines()[-_LOG_LINES:]),
        outcome=judge.judged(observation),
    )


def story(observation: Observation, job: Job | None = None) -> tuple[str, ...]:
    """The story as lines of text."""
    found = told(observation, job)
    attempt = f", attempt {found.attempt}" if found.attempt > 1 else ""
    lines = [f"{visible(found.cell)}{attempt}"]
    if found.sentence:
        lines.append(found.sentence)
    lines += _part("Who was there at the cancellation", found.present)
    lines += _part("What happened, in ms from the cancellation", _timeline(found))
    lines += _part("Relays", _chains(found.relays))
    lines += _part("What was left", found.left)
    lines += _part("What it printed", found.output)
    lines += _part("What the runner itself logged", found.log)
    lines += _part("Outcome", _verdict(found.outcome))
    lines += _part("Evidence", (found.basis, *([OF_A_MODEL] if of_a_model(found.cell) else [])))
    return tuple(lines)


def _part(heading: str, lines: Iterable[str]) -> list[str]:
    body = [f"  {line}" for line in lines]
    return ["", heading, *body] if body else []


def _timeline(found: Story) -> Iterator[str]:
    half = len(found.happenings) // 2
    for n, happening in enumerate(found.happenings):
        if found.untold and n == half:
            yield f"{'…':>10}  {found.untold} more"
        yield f"{happening.at_ms:>10.1f}  {happening.what}"


def _chains(relays: tuple[str, ...]) -> Iterator[str]:
    yield from relays
    if any(LATER in relay for relay in relays):
        yield f"({MEANING})"


def _verdict(outcome: Outcome) -> Iterator[str]:
    yield f"processes {outcome.processes}, clean-up {outcome.cleanup}, report {outcome.report}"
    # Sentences end with a full stop and a space; command lines in them may have one as well.
    yield from re.split(r"(?<=\.) (?=[A-Z])", outcome.reason)


def _basis(observation: Observation) -> str:
    if observation.evidence.value == "trace":
        return "trace: the kernel's own record of forks, execs, signals and exits"
    return "proc: /proc, looked at again and again; who signalled whom cannot be known"


# -- who was there


def _present(observation: Observation) -> Iterator[str]:
    there = [p for p in facts.of_the_job(observation) if p.dispositions is not None]
    parents = {p.key: visible(p.role) for p in observation.processes}
    for process in there:
        yield "; ".join([who(process), *_circumstances(process, parents)])


def _circumstances(process: Process, parents: dict[int, str]) -> Iterator[str]:
    if process.parent is not None:
        yield f"started by {parents.get(process.parent, 'nobody known')}"
    places = [
        f"{name} {value}"
        for name, value in (
            ("pid", process.pid if not process.far else f"{process.pid} on the other host"),
            ("group", process.group),
            ("session", process.session),
            ("terminal", process.terminal),
            ("user", process.user or None),
        )
        if value is not None
    ]
    yield visible(", ".join(places))
    if process.dispositions is None:
        return
    for verb, signals in (
        ("catches", process.dispositions.caught),
        ("ignores", process.dispositions.ignored),
        ("blocks", process.dispositions.blocked),
    ):
        names = [name for name in signals if name in PROMISED]
        if names:
            yield f"{verb} {' '.join(names)}"


def _from_both_ends(everything: list[Happening]) -> tuple[list[Happening], int]:
    """What a person reads: the beginning and the end matter more than the middle."""
    if len(everything) <= _MOST_EVENTS:
        return everything, 0
    half = _MOST_EVENTS // 2
    return everything[:half] + everything[-half:], len(everything) - _MOST_EVENTS


def _most(lines: Iterable[str]) -> tuple[str, ...]:
    """As many as a person reads, and how many more there were."""
    everything = tuple(lines)
    if len(everything) <= _MOST_THINGS:
        return everything
    return (*everything[:_MOST_THINGS], f"… and {len(everything) - _MOST_THINGS} more")


# -- what was left


def _left(observation: Observation) -> Iterator[str]:
    for process in facts.of_the_job(observation):
        if process.ended_ms is None:
            yield f"a process: {who(process)}"
    for file in observation.left.files:
        size = f", {file.bytes} bytes" if file.kind == "file" else ""
        yield f"{visible(file.path)} ({file.kind}{size})"
    yield from _settings(observation.terminal_modes)
    if observation.left.cut:
        yield "… and more files than the lab looks at"
    for lock in observation.left.locks:
        yield f"a lock ({lock.kind}) on {visible(lock.path)}, held by {visible(lock.role)}"


def _settings(modes: TerminalModes | None) -> Iterator[str]:
    """What has become of the terminal: a prompt that shows nothing is left behind as well."""
    if modes is None or modes.after is None:
        return
    changed = [f"-{mode}" for mode in modes.before if mode not in modes.after]
    changed += [mode for mode in modes.after if mode not in modes.before]
    if changed:
        yield f"the terminal with other settings than before (stty): {visible(' '.join(changed))}"


def _output(name: str, stream: Stream) -> Iterator[str]:
    if not stream.bytes and not stream.lost_bytes:
        return
    lost = f", and {stream.lost_bytes} bytes after the report" if stream.lost_bytes else ""
    yield f"{name}: {stream.bytes} bytes{lost}"
    # Only "\n" ends a line: str.splitlines knows ten more, which are the job's business.
    lines = stream.text.removesuffix("\n").split("\n") if stream.text else []
    for line in lines[:_MOST_LINES]:
        yield f"  | {shortened(visible(line), _LONGEST_LINE)}"
    if len(lines) > _MOST_LINES or stream.cut:
        more = f"{len(lines) - _MOST_LINES} more lines" if len(lines) > _MOST_LINES else "more"
        yield f"  … {more}"

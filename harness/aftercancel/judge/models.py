"""What the word of a modelled runner is worth: the model beside the real one, cell by cell.

Two runners are compared in the cells that both were measured in (the same job, shell, launcher and
cancellation). What counts is what a reader of either would take from it: the outcome on three axes
with the roles that it names, what the runner said, whom its side signalled with what, and what the
job wrote about itself. What does not: times, process ids, the runner's own wrappers, and how a
signal was addressed (one call to a group reaches whom several calls reach).

"Its side" is the runner and what stands between it and the job, as a bootstrap or su: a model may
have in one process what the real one has in two. Pure; takes observations one by one and keeps of
each a few words.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from aftercancel.judge import facts, judged
from aftercancel.judge.claims.words import MODELLED
from aftercancel.judge.fingerprints import fingerprint
from aftercancel.judge.prints import Fingerprint
from aftercancel.judge.words import listed, visible
from aftercancel.model import Evidence, Observation, Outcome

PAIRS: Mapping[str, str] = {
    # It follows v3.137.0 (scenarios/runners.toml), and 3.62.0 gives a job less time.
    "buildkite-agent-modelled": "buildkite-agent@3.137*",
}
"""Where a model's id does not say which real ones it follows: a pattern of their ids."""


@dataclass(frozen=True, slots=True)
class Agreement:
    """One model beside one real runner."""

    model: str
    real: str
    """With its version; empty: no real one was measured in any cell of the model's."""
    cells: int = 0
    """How many were compared: measured of both, and every axis known."""
    agreeing: int = 0
    differing: tuple[tuple[str, str], ...] = ()
    """The cell's id without the runner, and in words what differs."""
    untold: tuple[str, ...] = ()
    """Cells that both have, but of which one could not be told."""


@dataclass(frozen=True, slots=True)
class Essence:
    """What counts of one observation."""

    axes: tuple[tuple[str, str], ...]
    """By the names of the axes, in words."""
    said: str
    signals: frozenset[tuple[str, str]] | None
    """Who was sent which by the runner's side; None: the evidence does not show it."""
    marks: tuple[tuple[str, ...], ...]
    """What each of the job's processes wrote."""


@dataclass(slots=True)
class Agreements:
    """Takes what was measured of all runners, in any order."""

    _seen: dict[str, dict[str, set[Essence | None]]] = field(default_factory=dict)
    """Behaviours (None: not told) by the runner and the rest of the cell's id."""

    def add(self, observation: Observation) -> None:
        """Take one in."""
        self.put(observation.cell, essence(observation, judged(observation)))

    def put(self, cell: str, behaviour: Essence | None) -> None:
        """Take in what counts of an observation of this cell.

        The attempts at one cell are one cell with perhaps several behaviours.
        """
        runner, rest = _apart(cell)
        self._seen.setdefault(runner, {}).setdefault(rest, set()).add(behaviour)

    def know(self, model: str) -> None:
        """That this model was run, whether or not any of its cells is put."""
        self._seen.setdefault(model, {})

    def result(self, pairs: Mapping[str, str] = PAIRS) -> tuple[Agreement, ...]:
        """Every model with every real runner that it is a model of, in the order of their ids.

        A model called ``NAME-modelled`` is one of ``NAME`` in every version, and one called
        ``NAME-2.10-modelled`` of ``NAME@2.10`` and ``NAME@2.10.32``. ``pairs``: patterns of real
        runners' ids for models whose id does not say it.
        """
        found: list[Agreement] = []
        for model, reals in _pairs(self._seen, pairs):
            compared = [self._compared(model, real) for real in reals]
            found += [c for c in compared if c.cells or c.untold] or [Agreement(model, "")]
        return tuple(found)

    def _compared(self, model: str, real: str) -> Agreement:
        ours, theirs = self._seen[model], self._seen[real]
        untold, differing, cells = [], [], 0
        for cell in sorted(ours.keys() & theirs.keys()):
            told = [e for e in ours[cell] if e], [e for e in theirs[cell] if e]
            if not all(told):
                untold.append(cell)
                continue
            cells += 1
            words = _nearest(*told)
            if words:
                differing.append((cell, "; ".join(words)))
        agreeing = cells - len(differing)
        return Agreement(model, real, cells, agreeing, tuple(differing), tuple(untold))


def agreements(
    observations: Iterable[Observation], pairs: Mapping[str, str] = PAIRS
) -> tuple[Agreement, ...]:
    """The same of observations at hand."""
    taken = Agreements()
    for observation in observations:
        taken.add(observation)
    return taken.result(pairs)


def to_compare(
    cells: Iterable[str], pairs: Mapping[str, str] = PAIRS
) -> tuple[tuple[str, ...], frozenset[str]]:
    """The models among the runners of these cells, and the cells that tell what they are worth:
    those that a model and a real runner of its both have.
    """
    by_runner: dict[str, dict[str, str]] = {}
    every = list(cells)
    if not any(f"{MODELLED}/" in cell for cell in every):
        return (), frozenset()
    for cell in every:
        runner, rest = _apart(cell)
        by_runner.setdefault(runner, {})[rest] = cell
    wanted: set[str] = set()
    models = []
    for model, reals in _pairs(by_runner, pairs):
        models.append(model)
        for real in reals:
            for rest in by_runner[model].keys() & by_runner[real].keys():
                wanted |= {by_runner[model][rest], by_runner[real][rest]}
    return tuple(models), frozenset(wanted)


def sentence(agreement: Agreement) -> str:
    """What the comparison says of the model's word."""
    model, real = visible(agreement.model), visible(agreement.real)
    if not agreement.real:
        return f"{model} rests on its source alone: no real one was measured beside it."
    if not agreement.cells:
        lost = listed([visible(cell) for cell in agreement.untold])
        return f"{model} could not be compared with {real}: one of the two is not known in {lost}."
    untold = len(agreement.untold)
    unknown = f" {untold} more could not be told." if untold else ""
    both = f"of the {agreement.cells} cells" if agreement.cells > 1 else "the one cell"
    if not agreement.differing:
        share = f"in all {both}" if agreement.cells > 1 else f"in {both}"
        return f"{model} behaves as {real} does {share} that both were measured in.{unknown}"
    cells = listed([visible(cell) for cell, _ in agreement.differing])
    share = f"in {agreement.agreeing} {both}" if agreement.cells > 1 else f"not in {both}"
    return (
        f"{model} behaves as {real} does {share} that both were measured in; "
        f"they differ in {cells}.{unknown}"
    )


def essence(observation: Observation, outcome: Outcome) -> Essence | None:
    """None where the cell could not be told: that neither agrees nor differs."""
    if not outcome.known:
        return None
    between = _between(observation)
    print_ = fingerprint(observation)
    roles = [role for role in outcome.roles if role not in between]
    who = f" ({listed(sorted(visible(role) for role in roles))})" if roles else ""
    return Essence(
        axes=(
            ("processes", outcome.processes.value + who),
            ("clean-up", outcome.cleanup.value),
            ("report", outcome.report.value),
        ),
        said=print_.report,
        signals=_signals(print_, between) if print_.evidence is Evidence.TRACE else None,
        marks=tuple(sorted(each.names for each in print_.marks)),
    )


def _between(observation: Observation) -> frozenset[str]:
    """Roles of what is neither the runner nor the job nor below it."""
    keys = facts.launchers(observation)
    below = {p.role for p in facts.of_the_job(observation) if p.key not in keys}
    return frozenset(p.role for p in facts.of_the_job(observation) if p.key in keys) - below


def _signals(print_: Fingerprint, between: frozenset[str]) -> frozenset[tuple[str, str]]:
    side = between | {"runner"}
    return frozenset(
        (each.receiver, each.signal)
        for each in print_.signals
        if each.sender in side and each.receiver not in side and not each.error
    )


def _apart(cell: str) -> tuple[str, str]:
    """The runner, and the cell's other words; only the job's may have a ``/`` in it."""
    found = cell.rsplit("/", 4)
    if len(found) != 5:
        return "", cell
    job, shell, launcher, runner, cancellation = found
    return runner, f"{job}/{shell}/{launcher}/{cancellation}"


def _pairs(
    runners: Iterable[str], pairs: Mapping[str, str]
) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Every model with the real runners that it is one of, all in the order of their ids."""
    everyone = sorted(runners)
    for model in everyone:
        if model.endswith(MODELLED):
            yield model, tuple(real for real in everyone if _is_of(model, real, pairs))


def _is_of(model: str, real: str, pairs: Mapping[str, str]) -> bool:
    if real.endswith(MODELLED):
        return False
    if model in pairs:
        return fnmatchcase(real, pairs[model])
    name, _, version = real.partition("@")
    wanted = model.removesuffix(MODELLED)
    return name == wanted or f"{name}-{version}.".startswith(f"{wanted}.")


def _nearest(ours: list[Essence], theirs: list[Essence]) -> tuple[str, ...]:
    """In what the two behaviours differ that are nearest to each other; empty: in nothing.

    A cell that varies agrees where one behaviour of the model's is one of the real one's: which of
    them comes is chance with either.
    """
    found = [tuple(_differences(one, other)) for one in ours for other in theirs]
    return min(found, key=lambda words: (len(words), words))


def _differences(model: Essence, real: Essence) -> Iterator[str]:
    for (axis, ours), (_, theirs) in zip(model.axes, real.axes, strict=True):
        if ours != theirs:
            yield f"{axis}: {ours} in the model, {theirs} really"
    if model.said != real.said:
        yield f"said: {model.said} in the model, {real.said} really"
    if model.signals is not None and real.signals is not None:
        yield from _signals_apart("only in the model", model.signals - real.signals)
        yield from _signals_apart("only really", real.signals - model.signals)
    if model.marks != real.marks:
        yield f"marks: {_written(model)} in the model against {_written(real)} really"


def _signals_apart(where: str, signals: frozenset[tuple[str, str]]) -> Iterator[str]:
    if signals:
        names = [f"{visible(signal)} to {visible(role)}" for role, signal in sorted(signals)]
        yield f"signals: {listed(names)} {where}"


def _written(one: Essence) -> str:
    return " | ".join(", ".join(map(visible, names)) for names in one.marks) or "none"

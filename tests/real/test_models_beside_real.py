"""Real runners beside the models of them, in the same cells: what a model's word is worth.

The jobs are few and deterministic; a run of the whole matrix compares many more (``judge.models``).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest

from aftercancel.judge.models import Agreement, agreements, sentence
from aftercancel.model import Action, Cancellation, Cell, Job, Runner, Step
from aftercancel.places.this_machine import ThisMachine
from aftercancel.runners import finding, registry
from tests.real.vocabulary import cell, job

TRAPS = (
    "trap 'mark TERM begin; /bin/sleep 0.2; mark TERM end; exit 1' TERM\n"
    "mark ready\nROLE=child /bin/sleep 600 & wait"
)
STRAY = (
    "ROLE=stray setsid /bin/sleep 600 >/dev/null 2>&1 </dev/null &\nmark ready\n"
    "ROLE=child /bin/sleep 600"
)
DEAF_CHILD = (
    "ROLE=child /bin/sh -c 'trap \"\" TERM; exec /bin/sleep 600' >/dev/null 2>&1 </dev/null &\n"
    "mark ready\nwait"
)
DEAF = "trap '' TERM\nmark ready\nROLE=child /bin/sleep 600"
ALONE = "mark ready\nexec /bin/sleep 600"


def named(name: str, script: str, *roles: str) -> Job:
    marks = ("ready", "TERM begin", "TERM end") if name == "traps" else ("ready",)
    cleanup = "TERM" if name == "traps" else None
    return replace(job(script, roles=roles, marks=marks, cleanup=cleanup), id=name)


GROUP_JOBS = (
    named("traps", TRAPS, "child"),
    named("stray", STRAY, "stray", "child"),
    named("deaf-child", DEAF_CHILD, "child"),
)
# Hudson goes from child to parent without a pause: how far the parent has come by then is chance.
TREE_JOBS = (named("deaf", DEAF, "child"), named("alone", ALONE))


@dataclass(frozen=True, slots=True)
class Pair:
    """A kind of real runner, and the model that is said to do the same."""

    name: str
    kind: str
    way: str
    model: str
    jobs: tuple[Job, ...]
    real_options: tuple[tuple[str, str], ...] = ()
    options: tuple[tuple[str, str], ...] = ()
    terminal: bool = False
    patience_s: float = 6.0


PAIRS = (
    Pair("buildbot", "buildbot", "stop", "buildbot", GROUP_JOBS),
    Pair(
        "buildbot-sigterm",
        "buildbot",
        "stop",
        "buildbot",
        GROUP_JOBS,
        (("sigtermTime", "1"),),
        (("sigterm-time", "1"),),
        patience_s=7.0,
    ),
    Pair(
        "buildkite-agent",
        "buildkite-agent",
        "cancel",
        "buildkite_agent",
        GROUP_JOBS[:2],
        terminal=True,
    ),
    Pair("gitlab-runner", "gitlab-runner", "canceling", "gitlab_runner", GROUP_JOBS[:2]),
    Pair("hudson", "hudson", "abort", "hudson", TREE_JOBS),
)


def cells_of(pair: Pair) -> list[Cell]:
    """The same cells of both; none where the real one is not found."""
    found = finding.find(registry.kind(pair.kind)).found
    if not found:
        return []
    newest = found[-1]
    real = Runner(
        f"{pair.name}@{newest.version}",
        "",
        adapter=pair.kind,
        ways=(pair.way,),
        signals=True,
        options=pair.real_options,
        patience_s=pair.patience_s,
        instances=2,
        program=str(newest.program),
        brought=str(newest.brought),
        version=newest.version,
    )
    modelled = Runner(
        f"{pair.name}-modelled",
        "",
        model=pair.model,
        terminal=pair.terminal,
        options=pair.options,
        patience_s=pair.patience_s,
    )
    how = Cancellation(pair.way, "", (Step(Action.ASK, way=pair.way),))
    return [cell(what, how, runner=who) for what in pair.jobs for who in (real, modelled)]


@pytest.fixture(scope="module")
def compared(traced: ThisMachine) -> dict[str, Agreement]:
    """All pairs, measured together."""
    seen = list(traced.measure([one for pair in PAIRS for one in cells_of(pair)]))
    return {found.model.removesuffix("-modelled"): found for found in agreements(seen)}


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: pair.name)
def test_a_model_behaves_as_the_real_one(compared: dict[str, Agreement], pair: Pair) -> None:
    if pair.name not in compared:
        pytest.skip(f"no {pair.kind} here: {registry.kind(pair.kind).get}")
    found = compared[pair.name]
    assert found.untold == ()
    assert found.cells == len(pair.jobs)
    assert found.differing == (), sentence(found)

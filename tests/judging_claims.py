"""Words to ask one claim about cells that a test tells by hand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from aftercancel.judge.claims import Finding, Holds, judge_claim, read_claims
from aftercancel.model import Observation, Process
from tests.observing import RUNNER, cell

CLAIMS = read_claims(Path(__file__).parent.parent / "scenarios" / "claims")


def at(where: str, *processes: Process, **more: Any) -> Observation:
    """A cell with this id."""
    return cell(*processes, **{"cell": where, **more})


def runner_ended(observation: Observation, at_ms: float, **end: Any) -> Observation:
    """The same, and the runner's own process ended then."""
    runner = replace(RUNNER, ended_ms=at_ms, **end)
    return replace(observation, processes=(runner, *observation.processes[1:]))


def judged_by(name: str, *observations: Observation) -> Finding:
    """The verdict where these were measured and nothing else."""
    by_cell = {o.cell: o for o in observations}
    return judge_claim(CLAIMS[name], {c: [1] for c in by_cell}, lambda c, _: by_cell[c])


def answers(name: str, *observations: Observation) -> Sequence[tuple[Holds, str]]:
    """The answer of each case, and why."""
    return [(case.holds, case.because) for case in judged_by(name, *observations).cases]


def answer(name: str, *observations: Observation) -> Holds:
    """The answer of the one case that these cells make."""
    ((holds, because),) = answers(name, *observations)
    assert because.endswith("."), because
    assert "function failed" not in because, because
    return holds

"""The claims, judged over the stored observations of a run."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from functools import lru_cache, partial

from aftercancel import catalog
from aftercancel.errors import AftercancelError
from aftercancel.judge.claims import Claim, Finding, judge_claim, read_claims
from aftercancel.model import Observation
from aftercancel.results.lines import attempt_key
from aftercancel.results.stored import JudgedLines, StoredLines, side_by_side

Findings = tuple[tuple[Claim, Finding], ...]
"""Every claim with the verdict on it."""

_FEW = 500
"""Lines over which one process judges all claims sooner than several are started."""
_KEPT = 2000
"""Observations that are held decoded: neighbouring claims look at the same cells."""


def read() -> Mapping[str, Claim]:
    """The claims that belong to this package, by id."""
    return read_claims(catalog.scenarios_root() / "claims")


def catalogued() -> Collection[str]:
    """The cells of the default matrix; none where the scenarios have a mistake."""
    try:
        return catalog.load().matrix
    except AftercancelError:
        return ()


def judge_claims(
    claims: Mapping[str, Claim],
    stored: StoredLines,
    judged: JudgedLines,
    catalogued: Collection[str] = (),
    processes: int = 1,
) -> Findings:
    """The verdict on each claim, in their order."""
    work = _Work(claims, stored, judged, catalogued)
    processes = processes if len(judged.lines) > _FEW else 1
    shares = [list(claims)[first::processes] for first in range(processes)]
    found = {
        finding.claim: finding
        for share in side_by_side(partial(_judge, work), shares, processes)
        for finding in share
    }
    return tuple((claim, found[name]) for name, claim in claims.items())


class _Work:
    """What every claim is judged over."""

    def __init__(
        self,
        claims: Mapping[str, Claim],
        stored: StoredLines,
        judged: JudgedLines,
        catalogued: Collection[str],
    ) -> None:
        self.claims = claims
        self.catalogued = catalogued
        attempts: dict[str, list[int]] = {}
        for line in judged.lines.values():
            attempts.setdefault(line.cell, []).append(line.attempt)
        # Lines stand in the order in which cells ended: that is chance, and must not show.
        known = [cell for cell in catalogued if cell in attempts]
        others = sorted(attempts.keys() - set(known))
        self.attempts = {cell: sorted(attempts[cell]) for cell in (*known, *others)}

        @lru_cache(maxsize=_KEPT)
        def load(cell: str, attempt: int) -> Observation:
            return stored.observation(judged.lines[attempt_key(cell, attempt)].place)

        self.load = load


def _judge(work: _Work, share: Sequence[str]) -> list[Finding]:
    return [
        judge_claim(work.claims[name], work.attempts, work.load, work.catalogued) for name in share
    ]

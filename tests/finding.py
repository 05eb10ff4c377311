"""Words to build claims and findings with, so that a test says only what it is about."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from aftercancel.judge.claims import Answer, Case, Claim, Finding, Holds, Judged, Source, claim, yes
from aftercancel.judge.claims.deciding import decide
from aftercancel.judge.claims.findings import Verdict
from aftercancel.judge.claims.words import words

Y, N, V, U = Holds.YES, Holds.NO, Holds.VARIES, Holds.UNTOLD


def said(name: str = "T1", sentence: str = "The handler runs", **more: Any) -> Claim:
    """A claim."""

    def predicate(case: Case) -> Answer:
        """The handler began."""
        return yes(case.observation.cell)

    given: dict[str, Any] = {"tried": "TERM × every shell", "cells": "*/*/*/*/*", **more}
    return claim(name, source=Source.GIST, sentence=sentence, **given)(predicate)


def cell(shell: str = "bash", cancellation: str = "TERM-process", job: str = "exit-trap") -> str:
    return f"{job}/{shell}/none/plain/{cancellation}"


def case(
    name: str,
    holds: Holds = Y,
    because: str = "The handler began.",
    attempts: tuple[int, ...] = (1,),
) -> Judged:
    """One case of one cell, its words those of the cell."""
    return Judged({"cell": name}, words(name)._asdict(), holds, because, attempts)


def answers(by_cell: Mapping[str, Holds]) -> list[Judged]:
    return [case(name, holds) for name, holds in by_cell.items()]


def found(
    cases: Sequence[Judged] = (),
    name: str = "T1",
    missing: tuple[str, ...] = (),
    why_not: str = "",
) -> Finding:
    """The finding that these cases make."""
    told = [(each.words, each.holds) for each in cases if each.holds is not U]
    deciding = decide(told) if told else None
    if deciding is None:
        verdict = Verdict.COULD_NOT_TELL if cases else Verdict.NOT_MEASURED
    else:
        verdict = {Y: Verdict.CONFIRMED, N: Verdict.REFUTED}.get(deciding, Verdict.DEPENDS)  # type: ignore[arg-type]
    evidence = tuple(range(min(3, len(cases))))
    return Finding(name, verdict, deciding, tuple(cases), missing, why_not, evidence)


BY_SHELL = answers({cell("bash"): Y, cell("zsh"): Y, cell("dash"): N})
BY_SHELL_AND_TARGET = answers(
    {
        cell("bash"): Y,
        cell("bash", "TERM-group"): Y,
        cell("dash"): N,
        cell("dash", "TERM-group"): N,
        cell("mksh"): N,
        cell("mksh", "TERM-group"): Y,
    }
)

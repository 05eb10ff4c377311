"""What a model's word is worth to a claim, and how a runner's version stands in a cell's id."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from aftercancel.judge.claims import (
    Answer,
    Case,
    Claim,
    Finding,
    Source,
    Verdict,
    claim,
    judge_claim,
    no,
    yes,
)
from aftercancel.judge.claims.words import of_a_model, without_version, words
from aftercancel.model import Observation
from tests.observing import cell, job

REAL = "exit-trap/bash/none/builder@1.0/cancel"
OTHER = "exit-trap/bash/none/builder@2.0/cancel"
CATALOGUED = "exit-trap/bash/none/builder/cancel"
MODEL = "exit-trap/bash/none/builder-modelled/cancel"


def asking(**more: Any) -> Claim:
    """A claim about every runner."""

    def died(case: Case) -> Answer:
        """The job died of the signal."""
        (first,) = (p for p in case.observation.processes if p.role == "job")
        assert first.end is not None
        return yes("It died.") if first.end.signal else no("It ended by itself.")

    given = {"sentence": "It dies", "tried": "every runner", "cells": "*/*/none/*/cancel", **more}
    return claim("Z1", source=Source.SHELLS, **given)(died)


def told(where: str, *, dies: bool = True) -> Observation:
    ends = job() if dies else job(signal=None, status=0)
    return cell(ends, cell=where)


def judged(asked: Claim, *seen: Observation, catalogued: tuple[str, ...] = ()) -> Finding:
    by_cell = {each.cell: each for each in seen}
    attempts = {name: [1] for name in by_cell}
    return judge_claim(asked, attempts, lambda name, _: by_cell[name], catalogued)


@pytest.mark.parametrize(
    ("where", "modelled"),
    [
        (MODEL, True),
        ("exit-trap/bash/none/semaphore-2.10-modelled/stop", True),
        (REAL, False),
        (CATALOGUED, False),
        ("recipe-modelled/bash/none/plain/TERM-group", False),
    ],
)
def test_a_model_is_known_by_its_runner_s_name(where: str, modelled: bool) -> None:
    assert of_a_model(where) is modelled


@pytest.mark.parametrize(
    ("where", "catalogued"),
    [
        (REAL, CATALOGUED),
        (CATALOGUED, CATALOGUED),
        ("a/b/c/gitlab-runner@17.5.0-rc1/canceling", "a/b/c/gitlab-runner/canceling"),
    ],
)
def test_the_catalogue_knows_a_cell_without_the_version_of_its_runner(
    where: str, catalogued: str
) -> None:
    assert without_version(where) == catalogued


def test_a_runner_s_version_is_an_axis_of_its_own() -> None:
    assert (words(REAL).runner, words(REAL).version) == ("builder", "1.0")


def test_a_model_is_not_asked() -> None:
    finding = judged(asking(), told(REAL), told(MODEL, dies=False))
    assert finding.verdict is Verdict.CONFIRMED
    assert [list(case.cells.values()) for case in finding.cases] == [[REAL]]


def test_a_claim_of_which_only_a_model_was_measured_was_not() -> None:
    assert judged(asking(), told(MODEL)).verdict is Verdict.NOT_MEASURED


def test_a_claim_that_a_model_may_answer_asks_it() -> None:
    finding = judged(asking(modelled=True), told(MODEL))
    assert (finding.verdict, finding.modelled) == (Verdict.CONFIRMED, True)


def test_an_answer_of_models_alone_says_so() -> None:
    assert judged(asking(modelled=True), told(MODEL)).words == "confirmed in a model"
    assert judged(asking(modelled=True), told(MODEL, dies=False)).words == "refuted in a model"


def test_an_answer_that_rests_on_a_real_runner_too_does_not() -> None:
    finding = judged(asking(modelled=True), told(MODEL), told(REAL))
    assert (finding.words, finding.modelled) == ("confirmed", False)


def test_an_answer_of_models_that_is_not_complete_says_both() -> None:
    other = MODEL.replace("bash", "dash")
    finding = judged(asking(modelled=True), told(MODEL), catalogued=(MODEL, other))
    assert finding.missing == (other,)
    assert finding.words == "confirmed in a model so far"


def test_a_finding_without_an_answer_is_of_no_model() -> None:
    assert judged(asking(modelled=True)).modelled is False


def test_a_cell_that_was_measured_with_some_version_is_not_missing() -> None:
    finding = judged(asking(), told(REAL), catalogued=(CATALOGUED,))
    assert (finding.missing, finding.words) == ((), "confirmed")


def test_a_modelled_cell_that_was_not_measured_is_missing_only_where_it_may_answer() -> None:
    assert judged(asking(), told(REAL), catalogued=(MODEL,)).missing == ()
    assert judged(asking(modelled=True), told(REAL), catalogued=(MODEL,)).missing == (MODEL,)


def test_versions_make_a_case_each_and_may_decide() -> None:
    finding = judged(asking(), told(REAL), told(OTHER, dies=False))
    assert finding.verdict is Verdict.DEPENDS
    assert len(finding.cases) == 2


def test_a_claim_is_not_answered_by_models_unless_it_says_so() -> None:
    assert asking().modelled is False
    assert replace(asking(), modelled=True).modelled is True

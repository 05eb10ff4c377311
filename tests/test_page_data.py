"""What the page of a stored run is made of: from the run's folder to what the page carries."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from aftercancel.judge.claims import Answer, Case, Source, claim, no, yes
from aftercancel.model import Observation
from aftercancel.render.page import PageData
from aftercancel.results import Machine, Record, RunFolder, encode, key
from aftercancel.results.page import page_data
from aftercancel.results.reports import judged_run
from tests.reporting import bad, good

STEADY, UNSTEADY = "a/dash/none/plain/TERM-group", "b/dash/none/plain/TERM-group"


@claim(
    "T1",
    source=Source.SHELLS,
    sentence="The job leaves nothing",
    tried="every job × TERM",
    cells="*/*/*/plain/TERM-group",
)
def nothing_is_left(case: Case) -> Answer:
    """No process of the job runs any more."""
    left = [each for each in case.observation.processes if each.key and each.ended_ms is None]
    return no("One ran on.") if left else yes("All were gone.")


@contextmanager
def data_of(folder: Path, *observations: Observation) -> Iterator[PageData]:
    """The data of the page of a stored run, each of whose cells was measured three times."""
    made = RunFolder.create(folder)
    with made.writer() as writer:
        for each in observations:
            writer.append(encode(each))
    machine = Machine("here", "6.1", "x86_64", "Debian", 2, 4096)
    cells = tuple(key(each) for each in observations)
    record = Record(machine, "2026-01-01T00:00:00+00:00", cells=cells, repeat=3, why_not=None)
    with judged_run(made, record, {"T1": nothing_is_left}) as run:
        yield page_data(run, (), ())


@pytest.fixture
def data(tmp_path: Path) -> Iterator[PageData]:
    """One cell that is the same each time, and one whose second attempt differs."""
    steady = [replace(good(STEADY), attempt=n) for n in (1, 2, 3)]
    unsteady = [replace(good(UNSTEADY), attempt=n) for n in (1, 3)]
    other = replace(bad(UNSTEADY), attempt=2)
    with data_of(tmp_path / "run", *steady, unsteady[0], other, unsteady[1]) as found:
        yield found


def test_the_page_carries_one_attempt_of_each_behaviour_of_a_cell(data: PageData) -> None:
    carried = [name for chunk in data.chunks for name in chunk.keys]
    assert carried == [STEADY, UNSTEADY, f"{UNSTEADY}#2"]


def test_the_evidence_for_a_claim_has_its_stories(data: PageData) -> None:
    ((_, finding),) = data.findings
    shown = {cell for n in finding.evidence for cell in finding.cases[n].cells.values()}
    assert shown == {STEADY, UNSTEADY}
    assert shown == {name.partition("#")[0] for name in data.stories}


def test_both_answers_of_a_case_whose_attempts_differ_have_a_story(data: PageData) -> None:
    assert {UNSTEADY, f"{UNSTEADY}#2"} <= set(data.stories)
    assert "One ran on." not in data.stories[UNSTEADY].outcome.reason


def test_a_story_is_of_the_attempt_that_it_is_named_for(data: PageData) -> None:
    assert data.stories[UNSTEADY].outcome.processes == "gone"
    assert data.stories[f"{UNSTEADY}#2"].outcome.processes == "orphaned"

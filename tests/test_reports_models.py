"""A stored run with models of runners: what its judging says of them, and every report repeats."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from aftercancel import catalog
from aftercancel.cli import main
from aftercancel.judge import judged as judge
from aftercancel.judge.answers import prose_of
from aftercancel.judge.claims import Answer, Case, Claim, Finding, Source, claim, judge_claim, yes
from aftercancel.judge.models import Agreement
from aftercancel.model import Observation
from aftercancel.render import Results
from aftercancel.render.claims import as_data, claim_story, numbers
from aftercancel.render.claims_markdown import markdown as claims_page
from aftercancel.render.claims_table import lines as claims_table
from aftercancel.render.page import PageData, page
from aftercancel.results import Machine, NotTried, Record, RunFolder, encode, key, wording
from aftercancel.results.page import page_data
from aftercancel.results.reports import JudgedRun, judged_run
from tests.reporting import bad, good

MODEL, REAL = "buildbot-modelled", "buildbot@4.3.0"


def at(runner: str, job: str = "exit-trap") -> str:
    return f"{job}/bash/none/{runner}/stop"


MEASURED = (
    good(at(MODEL)),
    good(at(REAL)),
    good(at(MODEL, "nohup")),
    bad(at(REAL, "nohup")),
    good(at("systemd-none-modelled")),
    good(at("plain")),
)
"""A model that agrees in one cell and differs in another, one alone, and the lab's own runner."""


def stored(folder: Path, *observations: Observation, not_tried: tuple[NotTried, ...] = ()) -> Path:
    made = RunFolder.create(folder)
    with made.writer() as writer:
        for each in observations:
            writer.append(encode(each))
    machine = Machine("here", "6.1", "x86_64", "Debian", 2, 4096)
    cells = tuple(key(each) for each in observations)
    record = Record(machine, "2026-01-01T00:00:00+00:00", cells=cells, why_not=None)
    made.write_record(replace(record, not_tried=not_tried))
    return folder


@contextmanager
def judged(folder: Path, processes: int = 1) -> Iterator[JudgedRun]:
    run = RunFolder.open(folder)
    with judged_run(run, run.record(), {}, processes) as found:
        yield found


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return stored(tmp_path / "run", *MEASURED)


Answered = Callable[..., str]


@pytest.fixture
def aftercancel(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Answered:
    """What a command prints."""
    monkeypatch.setenv("COLUMNS", "120")

    def command(*arguments: object) -> str:
        with pytest.raises(SystemExit):
            main([str(each) for each in arguments])
        return capfd.readouterr().out

    return command


# -- the comparison


@pytest.mark.parametrize("processes", [1, 2])
def test_judging_a_run_compares_its_models(run: Path, processes: int) -> None:
    with judged(run, processes) as found:
        both, alone = found.reports.results.models
    assert (both.model, both.real, both.cells, both.agreeing) == (MODEL, REAL, 2, 1)
    assert [cell for cell, _ in both.differing] == ["nohup/bash/none/stop"]
    assert alone == Agreement("systemd-none-modelled", "")


def test_only_what_is_compared_is_read_again(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read = []

    def essence(observation: Observation, _: object) -> None:
        read.append(observation.cell)

    monkeypatch.setattr("aftercancel.results.models.essence", essence)
    with judged(run):
        pass
    assert set(read) == {each.cell for each in MEASURED[:4]}


def test_a_run_of_the_lab_s_own_runners_compares_nothing(tmp_path: Path) -> None:
    folder = stored(tmp_path / "own", good(at("plain")), good(at("plain-tty")))
    with judged(folder) as found:
        assert found.reports.results.models == ()


def test_a_cell_with_a_name_of_its_own_is_no_mistake(tmp_path: Path) -> None:
    with judged(stored(tmp_path / "odd", good("nonsense"), good(at(MODEL)))) as found:
        assert found.reports.results.models == (Agreement(MODEL, ""),)


# -- every report


def test_the_terminal_tells_it_after_judging(aftercancel: Answered, run: Path) -> None:
    said = aftercancel("judge", run)
    assert "Models beside the real runners" in said
    assert f"{MODEL} agrees with {REAL} in 1 of 2 cells; differs in nohup/bash/none/stop" in said


def test_json_has_it(aftercancel: Answered, run: Path) -> None:
    for arguments in (("judge", run, "--json"), ("report", "--run", run, "--format", "json")):
        both, alone = json.loads(aftercancel(*arguments))["models"]
        assert (both["cells"], both["agreeing"], alone["real"]) == (2, 1, None)


def test_json_of_a_cell_says_whether_it_is_one_of_a_model(aftercancel: Answered, run: Path) -> None:
    for runner, modelled in ((MODEL, True), (REAL, False)):
        found = json.loads(aftercancel("show", at(runner), "--run", run, "--json"))
        assert found.get("modelled", False) is modelled


def suite_of(aftercancel: Answered, run: Path) -> ET.Element:
    said = aftercancel("report", "--run", run, "--format", "junit")
    return ET.fromstring(said)[0]  # noqa: S314 our own


def test_junit_has_it_as_properties(aftercancel: Answered, run: Path) -> None:
    suite = suite_of(aftercancel, run)
    whole = {each.get("name"): each.get("value") for each in suite.findall("properties/property")}
    assert whole[f"model {MODEL} beside {REAL}"] == (
        f"{MODEL} agrees with {REAL} in 1 of 2 cells; differs in nohup/bash/none/stop"
    )
    marked = [
        case.get("name")
        for case in suite.findall("testcase")
        if case.find("properties/property[@name='modelled']") is not None
    ]
    assert marked == [at(MODEL), at(MODEL, "nohup"), at("systemd-none-modelled")]


def test_junit_of_a_run_without_models_has_no_properties_of_the_whole(
    aftercancel: Answered, tmp_path: Path
) -> None:
    folder = stored(tmp_path / "own", good(at("plain")))
    suite = suite_of(aftercancel, folder)
    assert suite.find("properties") is None


def test_markdown_and_the_page_have_it(aftercancel: Answered, run: Path) -> None:
    aftercancel("judge", run)
    assert "## Models beside the real runners" in (run / "matrix.md").read_text()
    assert "1 of 2 cells" in aftercancel("report", "--run", run, "--format", "md")
    html = aftercancel("report", "--run", run, "--format", "html", "--out", "-")
    assert 'id="models-title"' in html


# -- what a run stores


def test_a_run_stores_whom_its_models_follow() -> None:
    catalogue = catalog.load()
    modelled = next(runner for runner in catalogue.runners.values() if runner.model)
    cell = replace(catalogue.cell("exit-trap/bash/none/plain/end"), runner=modelled)
    found = wording([cell]).runners[modelled.id]
    assert (found.modelled, found.follows) == (True, modelled.follows)
    assert modelled.follows


def test_the_lab_s_own_runner_follows_nobody() -> None:
    found = wording([catalog.load().cell("exit-trap/bash/none/plain/end")]).runners["plain"]
    assert (found.modelled, found.follows) == (False, "")


def test_the_page_knows_whom_a_model_follows(tmp_path: Path) -> None:
    catalogue = catalog.load()
    modelled = next(runner for runner in catalogue.runners.values() if runner.model)
    cell = replace(catalogue.cell("exit-trap/bash/none/plain/end"), runner=modelled)
    folder = RunFolder.open(stored(tmp_path / "run", good(cell.id)))
    record = folder.record()
    assert record is not None
    folder.write_record(replace(record, words=wording([cell])))
    with judged_run(folder, folder.record(), {}) as found:
        assert page_data(found, (), ()).words.runners[modelled.id].follows == modelled.follows


def test_runners_that_lack_the_same_thing_are_named_together(tmp_path: Path) -> None:
    lacking = [
        NotTried(name, "jenkins was not found. Put it there.", (at(name),))
        for name in ("jenkins", "jenkins-pipeline")
    ]
    other = NotTried("act", "act was not found.", (at("act"),))
    folder = stored(tmp_path / "run", good(at("plain")), not_tried=(*lacking, other))
    with judged(folder) as found:
        assert found.reports.results.unavailable == (
            ("jenkins, jenkins-pipeline", "2 cells: jenkins was not found. Put it there."),
            ("act", "1 cell: act was not found."),
        )


# -- claims that rest on models only


@claim(
    "T1",
    source=Source.RUNNERS,
    sentence="It is gone",
    tried="that runner",
    cells="exit-trap/*/*/*/stop",
    modelled=True,
)
def gone(case: Case) -> Answer:
    """Nothing of it runs any more."""
    return yes("It was gone.")


def verdict_of(*runners: str) -> tuple[Claim, Finding]:
    cells = {at(runner): good(at(runner)) for runner in runners}
    attempts = {cell: [1] for cell in cells}
    return gone, judge_claim(gone, attempts, lambda cell, _: cells[cell])


def results_of(runner: str) -> Results:
    return Results((judge(good(at(runner))),))


def test_a_verdict_over_models_says_so_wherever_it_is_shown() -> None:
    found = verdict_of(MODEL)
    assert "of these in a model of a runner only" in numbers([found])
    table = " ".join("".join(line.plain for line in claims_table([found], 200)).split())
    assert "confirmed in a" in table
    assert "**confirmed in a model**" in claims_page([found])
    assert "## T1: confirmed in a model" in claims_page([found])
    assert "  confirmed in a model" in claim_story(*found, lambda *_: ())
    assert "seen in models only" in prose_of(found[1])
    assert as_data(*found)["modelled"] is True
    html = "".join(page(PageData("A run", results_of(MODEL), findings=(found,))))
    assert "confirmed in a model</span>" in html
    assert "1 of these in a model only" in html


def test_a_verdict_over_a_real_runner_too_does_not() -> None:
    found = verdict_of(MODEL, REAL)
    for text in (numbers([found]), claims_page([found]), prose_of(found[1])):
        assert "model only" not in text
        assert "models only" not in text
        assert "in a model" not in text
    assert as_data(*found)["modelled"] is False


def test_the_cells_of_the_evidence_keep_their_names() -> None:
    assert f"aftercancel again {at(MODEL)}" in claims_page([verdict_of(MODEL)])

"""What a run has shown, in the heads of the scripts that people may copy."""

from __future__ import annotations

import importlib.util
import shutil
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest

from aftercancel import catalog
from aftercancel.errors import ScenarioError
from aftercancel.judge import judged
from aftercancel.model import Observation, Process
from aftercancel.results import RunFolder, encode
from tests.observing import cell, child, job, says, survivor, trouble, with_cleanup

PROJECT = Path(__file__).resolve().parent.parent


def _load_remedies() -> ModuleType:
    spec = importlib.util.spec_from_file_location("remedies", PROJECT / "scripts" / "remedies.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


remedies = _load_remedies()

# Vocabulary: observations of recipe-sh unless a test says otherwise.


def measured(
    observation: Observation,
    *,
    job: str = "recipe-sh",
    under: str = "dash",
    launcher: str = "none",
    runner: str = "plain",
    how: str = "TERM-group",
) -> Observation:
    return replace(observation, cell=f"{job}/{under}/{launcher}/{runner}/{how}")


def held(**words: str) -> Observation:
    return measured(with_cleanup(says("EXIT begin"), says("EXIT end")), **words)


def skipped(**words: str) -> Observation:
    return measured(with_cleanup(), **words)


def running(*processes: Process, **words: str) -> Observation:
    return measured(with_cleanup(processes=processes), **words)


def block(*observations: Observation, remedy: str = "jobs/recipe-sh.sh") -> str:
    """Its text without marks and line ends; the run had the one slice ``recipes``."""
    outcomes = [judged(observation) for observation in observations]
    cells = remedies.cells_of(remedy, catalog.load(), outcomes)
    lines: Sequence[str] = remedies.block(list(cells.values()), ["recipes"])
    assert lines[-1] == remedies.CLOSING
    assert all(line.startswith("# ") and len(line) <= 100 for line in lines[:-1])
    return " ".join(line.removeprefix("#").strip() for line in lines[:-1])


# What is told


def test_the_first_line_says_in_how_many_cells_of_which_slices_all_was_well() -> None:
    told = block(held(), held(how="TERM-process"), skipped(how="KILL-group"))
    assert "in 2 of 3 cells of recipes" in told


def test_what_held_everywhere_is_not_named() -> None:
    assert "TERM-group" not in block(held(), skipped(how="KILL-group"))


def test_a_clean_up_that_never_began_is_told_with_the_cancellations() -> None:
    told = block(held(), skipped(how="KILL-group"), skipped(how="KILL-process"))
    assert told.endswith("Clean-up skipped: KILL-group, KILL-process.")


def test_a_clean_up_that_was_cut_off_is_told_apart() -> None:
    cut_off = measured(with_cleanup(says("EXIT begin")))
    assert block(cut_off).endswith("Clean-up cut off: TERM-group.")


def test_a_job_that_nobody_told_is_told_apart_from_what_it_leaves_behind() -> None:
    told = block(
        running(survivor("job", key=1), survivor(), launcher="su"),
        running(job(), survivor(), launcher="doas"),
    )
    assert "The job itself runs on: TERM-group under su." in told
    assert "What the job started runs on, and the clean-up did not" in told
    assert told.endswith("TERM-group under doas.")


def test_a_clean_up_that_ran_does_not_hide_what_still_runs() -> None:
    observation = measured(cell(job(), survivor()))
    assert block(observation).endswith("What the job started runs on: TERM-group.")


def test_what_ends_after_the_report_is_told() -> None:
    late = job(dies_at=900.0, doomed_ms=900.0)
    observation = measured(cell(late, child()))
    assert block(observation).endswith("All done, but after the runner's report: TERM-group.")


def test_what_could_not_be_told_is_not_counted_as_well() -> None:
    told = block(held(), measured(trouble(), how="INT-group"))
    assert "in 1 of 2 cells" in told
    assert told.endswith("Could not be told: INT-group.")


def test_a_cell_that_differs_from_time_to_time_is_told_as_that() -> None:
    told = block(held(), replace(skipped(), attempt=2), replace(held(), attempt=3))
    assert "in 0 of 1 cells" in told
    assert told.endswith("Not the same every time: TERM-group.")


# How it is put together


def test_launchers_with_the_same_fault_share_a_clause() -> None:
    told = block(
        *(held(launcher=each) for each in ("env", "nice", "none")),
        *(skipped(launcher=each) for each in ("su", "doas")),
    )
    assert told.endswith("Clean-up skipped: TERM-group under doas, su.")


def test_many_launchers_are_named_by_those_that_are_left_out() -> None:
    told = block(held(launcher="env"), *(skipped(launcher=x) for x in ("su", "doas", "ssh")))
    assert told.endswith("Clean-up skipped: TERM-group under all but env.")


def test_a_launcher_under_which_nothing_helps_is_named_once() -> None:
    told = block(
        *(skipped(launcher="ssh", how=how) for how in ("TERM-group", "INT-group")),
        *(held(how=how) for how in ("TERM-group", "INT-group")),
    )
    assert told.endswith("Clean-up skipped: whatever is sent under ssh.")


def test_shells_that_differ_are_named() -> None:
    told = block(held(), skipped(under="zsh"))
    assert told.endswith("Clean-up skipped: TERM-group (zsh).")


def test_a_variant_of_the_job_is_named() -> None:
    told = block(held(), skipped(job="recipe-sh-deaf"))
    assert told.endswith("Clean-up skipped: TERM-group (recipe-sh-deaf).")


def test_a_runner_other_than_plain_is_named() -> None:
    told = block(held(how="hang-up"), skipped(runner="plain-tty", how="hang-up"))
    assert told.endswith("Clean-up skipped: hang-up under none/plain-tty.")


def test_a_launchers_script_is_told_of_by_job() -> None:
    told = block(
        held(launcher="ssh-eof-wrapper"),
        skipped(launcher="ssh-eof-wrapper", job="exit-trap"),
        skipped(launcher="ssh"),
        remedy="launchers/eof-to-hup.sh",
    )
    assert "in 1 of 2 cells" in told
    assert told.endswith("Clean-up skipped: TERM-group (exit-trap).")


def test_where_there_is_too_much_to_tell_what_was_only_late_is_told_in_short() -> None:
    late = cell(job(dies_at=900.0, doomed_ms=900.0))
    launchers = [each for each in catalog.load().launchers if each != "none"]
    told = block(
        held(),
        *(skipped(launcher=each, how=f"INT-{each}") for each in launchers),
        *(measured(late, launcher=each, how=f"HUP-{each}") for each in launchers),
    )
    assert "INT-ssh" in told
    assert "HUP-ssh" not in told
    assert told.endswith("runner's report: with some or all cancellations under all but none.")


# The files


@pytest.fixture
def scenarios(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    copy = tmp_path / "scenarios"
    shutil.copytree(PROJECT / "scenarios", copy)
    monkeypatch.setattr(remedies, "SCENARIOS", copy)
    return copy


def told_in_the_files(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["remedies.py", str(folder)])
    assert remedies.main() == 0


def store(folder: Path, *observations: Observation) -> Path:
    run = RunFolder.create(folder / "run")
    with run.writer() as writer:
        for observation in observations:
            writer.append(encode(observation))
    return run.path


def test_only_the_comments_between_the_marks_change(
    scenarios: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = scenarios / "jobs" / "recipe-sh.sh"
    before = path.read_text()
    told_in_the_files(store(tmp_path, skipped(how="KILL-group")), monkeypatch)
    after = path.read_text()
    assert "Clean-up skipped: KILL-group.\n# --\n" in after
    first, last = before.index(remedies.OPENING), before.index(f"\n{remedies.CLOSING}\n")
    assert after.startswith(before[:first])
    assert after.endswith(before[last:])


def test_the_same_run_told_twice_leaves_the_same_text(
    scenarios: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = scenarios / "jobs" / "recipe-sh.sh"
    run = store(tmp_path, held(), skipped(how="KILL-group"))
    told_in_the_files(run, monkeypatch)
    once = path.read_text()
    told_in_the_files(run, monkeypatch)
    assert path.read_text() == once


def test_a_remedy_of_which_the_run_has_no_cell_is_left_alone(
    scenarios: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = scenarios / "jobs" / "recipe-bash.sh"
    before = path.read_text()
    told_in_the_files(store(tmp_path, held()), monkeypatch)
    assert path.read_text() == before
    assert "jobs/recipe-bash.sh: no cell of it" in capsys.readouterr().out


def test_a_file_without_marks_is_named() -> None:
    with pytest.raises(ScenarioError, match=r"recipe-sh\.sh: The place .* is missing"):
        remedies.replaced("#!/bin/sh\n", ["# x"], "jobs/recipe-sh.sh")


@pytest.mark.parametrize("remedy", remedies.REMEDIES)
def test_every_remedy_has_a_measured_head(remedy: str) -> None:
    rows = (PROJECT / "scenarios" / remedy).read_text().split("\n")
    first = next(number for number, row in enumerate(rows) if row.startswith(remedies.OPENING))
    assert " cells of " in " ".join(rows[first : first + 3])
    assert remedies.CLOSING in rows[first:]

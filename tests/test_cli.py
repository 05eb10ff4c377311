"""The command's words, errors and exit statuses. The place is a FAKE: nothing is run.

Above 400 lines because all of it is asked of one command in one folder, made by its fixture.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from aftercancel import __version__, catalog
from aftercancel.model import Observation
from aftercancel.results import RunFolder
from aftercancel.results.lines import encode
from tests import fake_place

# Vocabulary

CELL = "exit-trap/bash/none/plain/TERM-group"
FEW = "exit-trap/bash/none/plain/ and not errexit and (TERM-group or HUP-group or INT-group)"


@dataclass(frozen=True)
class Said:
    """What the command answered."""

    status: int
    out: str
    err: str


@dataclass(frozen=True)
class Command:
    """The command in a folder and an environment of its own."""

    folder: Path
    environment: dict[str, str]

    def __call__(self, *arguments: str, **extra: str) -> Said:
        done = subprocess.run(
            [sys.executable, "-m", "aftercancel", *arguments],
            cwd=self.folder,
            env={**self.environment, **extra},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        assert "Traceback" not in done.stderr
        return Said(done.returncode, done.stdout, done.stderr)

    def stored(self, name: str = ".aftercancel/latest") -> RunFolder:
        return RunFolder.open(self.folder / name)


@pytest.fixture
def aftercancel(tmp_path: Path) -> Command:
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("PYTEST")},
        "PYTHONPATH": fake_place.python_path(),
        "PYTEST_PLUGINS": "tests.fake_place",
        "COLUMNS": "120",
    }
    return Command(tmp_path, environment)


# run


@pytest.mark.runs
def test_run_prints_the_matrix_and_where_it_is_stored(aftercancel: Command) -> None:
    said = aftercancel("run", "-k", FEW)
    assert said.status == 0
    assert "exit-trap" in said.out
    assert said.out.splitlines()[-1] == f"Stored in {aftercancel.stored().path.resolve()}"


@pytest.mark.runs
def test_run_stores_everything_that_is_promised(aftercancel: Command) -> None:
    aftercancel("run", "-k", FEW, "--out", "here")
    folder = aftercancel.folder / "here"
    kept = {"run.json", "observations.jsonl", "outcomes.jsonl", "claims.jsonl"}
    kept |= {"matrix.md", "junit.xml"}
    assert {each.name for each in folder.iterdir()} == kept
    assert not (aftercancel.folder / ".aftercancel").exists()


@pytest.mark.runs
def test_the_record_has_versions_arguments_and_machine(aftercancel: Command) -> None:
    aftercancel("run", "-k", FEW, "--settle", "7", "--repeat", "2")
    record = aftercancel.stored().record()
    assert record is not None
    assert record.complete
    assert record.why_not is None
    assert record.aftercancel == __version__
    assert record.arguments[1:] == ("run", "-k", FEW, "--settle", "7", "--repeat", "2")
    assert (record.settle_s, record.repeat, len(record.cells)) == (7.0, 2, 6)
    assert os.uname().release in record.machine.kernel
    assert "unknown" not in record.shells["bash"]
    assert record.ended is not None


@pytest.mark.runs
def test_progress_goes_to_stderr_in_plain_lines_where_nobody_watches(aftercancel: Command) -> None:
    said = aftercancel("run", "-k", FEW)
    assert "3 of 3 cells done" in said.err
    assert "\x1b" not in said.err + said.out


@pytest.mark.runs
def test_run_as_json_prints_one_object_and_nothing_else(aftercancel: Command) -> None:
    said = aftercancel("run", "-k", FEW, "--json")
    answer = json.loads(said.out)
    assert answer["complete"] is True
    assert [each["cleanup"] for each in answer["outcomes"]] == ["ran"] * 3
    assert answer["dir"] == str(aftercancel.stored().path.resolve())


@pytest.mark.runs
def test_a_cell_that_cannot_be_told_makes_the_status_2(aftercancel: Command) -> None:
    said = aftercancel("run", "-k", FEW, **{fake_place.UNKNOWN: "HUP-group"})
    assert said.status == 2
    assert "the fake lost events" in said.out


@pytest.mark.runs
def test_workers_measure_the_same_cells(aftercancel: Command) -> None:
    aftercancel("run", "-k", "exit-trap", "--out", "one")
    said = aftercancel("run", "-k", "exit-trap", "-n", "2", "--out", "two")
    assert said.status == 0
    one, two = (aftercancel.folder / name / "outcomes.jsonl" for name in ("one", "two"))
    assert one.read_bytes() == two.read_bytes()


@pytest.mark.runs
def test_slices_can_be_chosen(aftercancel: Command) -> None:
    name, chosen = next(iter(catalog.load().slices.items()))
    aftercancel("run", "--slice", name)
    record = aftercancel.stored().record()
    assert record is not None
    assert set(record.cells) == set(chosen.cells)


@pytest.mark.runs
def test_run_does_not_touch_the_tests_of_the_folder_it_stands_in(aftercancel: Command) -> None:
    (aftercancel.folder / "conftest.py").write_text("raise RuntimeError('imported')")
    (aftercancel.folder / "test_mine.py").write_text("raise RuntimeError('imported')")
    (aftercancel.folder / "pytest.ini").write_text("[pytest]\naddopts = --no-such-option\n")
    said = aftercancel("run", "-k", FEW, PYTEST_ADDOPTS="--no-such-option")
    assert said.status == 0


@pytest.mark.runs
def test_junit_has_a_case_for_each_cell_with_the_axes(aftercancel: Command) -> None:
    aftercancel("run", "-k", FEW, "--out", "here", **{fake_place.UNKNOWN: "HUP-group"})
    suite = ET.parse(aftercancel.folder / "here" / "junit.xml").find("testsuite")  # noqa: S314
    assert suite is not None
    assert (suite.get("tests"), suite.get("failures")) == ("3", "1")
    cases = {case.get("name"): case for case in suite.iter("testcase")}
    properties = {each.get("name"): each.get("value") for each in cases[CELL].iter("property")}
    assert properties == {"processes": "gone", "clean-up": "ran", "report": "truthful"}
    failure = cases[CELL.replace("TERM", "HUP")].find("failure")
    assert failure is not None
    assert "the fake lost events" in (failure.text or "")


# Launchers that are not here

SOME = "exit-trap/dash/ and not errexit and (/none/plain/TERM-group or /npx/plain/TERM-group)"
NPX = "exit-trap/dash/npx/plain/TERM-group"


@pytest.mark.runs
def test_a_launcher_that_is_missing_is_told_with_the_remedy_and_changes_no_status(
    aftercancel: Command,
) -> None:
    said = aftercancel("run", "-k", SOME, **{fake_place.ABSENT: "npx"})
    assert said.status == 0
    words = " ".join(said.out.split())
    assert "npx: 1 cell: npx is not there: apt-get install npm" in words
    assert "1 of 1 cells done" in said.err


@pytest.mark.runs
def test_what_was_not_tried_is_in_every_report(aftercancel: Command) -> None:
    said = aftercancel("run", "-k", SOME, "--json", **{fake_place.ABSENT: "npx"})
    (not_tried,) = json.loads(said.out)["not_tried"]
    assert (not_tried["launcher"], not_tried["cells"]) == ("npx", [NPX])
    folder = aftercancel.stored().path
    assert "npx is not there" in (folder / "matrix.md").read_text()
    suite = ET.parse(folder / "junit.xml").find("testsuite")  # noqa: S314 our own file
    assert suite is not None
    assert (suite.get("tests"), suite.get("skipped")) == ("2", "1")
    (skipped,) = suite.iter("skipped")
    assert "npx is not there: apt-get install npm" in str(skipped.get("message"))


@pytest.mark.runs
def test_a_stored_run_still_knows_what_was_not_tried(aftercancel: Command) -> None:
    aftercancel("run", "-k", SOME, **{fake_place.ABSENT: "npx"})
    said = aftercancel("judge")
    assert said.status == 0
    assert "npx is not there" in " ".join(said.out.split())
    shown = aftercancel("show", NPX)
    assert shown.status == 3
    assert "It was not tried: npx is not there: apt-get install npm" in shown.err


@pytest.mark.runs
@pytest.mark.parametrize("words", [("run", "-k", NPX), ("again", NPX)], ids=["run", "again"])
def test_where_no_cell_remains_the_remedies_are_told_and_the_status_is_4(
    aftercancel: Command, words: tuple[str, ...]
) -> None:
    said = aftercancel(*words, **{fake_place.ABSENT: "npx"})
    assert (said.status, said.out) == (4, "")
    assert "npx: npx is not there: apt-get install npm" in said.err
    assert not (aftercancel.folder / ".aftercancel").exists()


def test_list_says_which_launchers_are_not_here(aftercancel: Command) -> None:
    absent = {fake_place.ABSENT: "npx /usr/sbin/dropbear"}
    lines = aftercancel("list", "launchers", **absent).out.splitlines()
    at = next(number for number, line in enumerate(lines) if line.split()[0] == "npx")
    assert lines[at + 1].strip().startswith("Not here. npx is not there: apt-get install npm")
    rows = json.loads(aftercancel("list", "launchers", "--json", **absent).out)
    not_here = {row["id"]: row["not_here"] for row in rows}
    assert not_here["env"] is None
    assert "apt-get install dropbear-bin" in not_here["ssh-dropbear"]


def test_doctor_takes_a_missing_launcher_for_degraded_only(aftercancel: Command) -> None:
    said = aftercancel("doctor", "--json", **{fake_place.ABSENT: "npx tini"})
    findings = {each["name"]: each for each in json.loads(said.out)}
    for name, remedy in (("npx", "apt-get install npm"), ("tini", "apt-get install tini")):
        finding = findings[f"program {name}"]
        assert finding["status"] == "degraded"
        assert remedy in finding["remedy"]
        assert name in finding["why"]
    assert "tini-bash" in findings["program tini"]["why"]


# What run refuses


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("run", "-k", "exit-trp"), "Did you mean exit-trap"),
        (("run", "-k", "exit-trap and no-trap and daemon"), "no cell has them all"),
        (("run", "-k", "exit-trap and and"), "is no expression"),
        (("run", "--slice", "no-such-slice"), "no-such-slice"),
        (("run", "--settle", "0"), "more than 0 seconds"),
        (("run", "--settle", "nan"), "more than 0 seconds"),
        (("run", "--settle", "inf"), "more than 0 seconds"),
        (("again", CELL, "--settle", "inf"), "more than 0 seconds"),
        (("run", "--out", ""), "--out is empty"),
        (("again", CELL, "--out", ""), "--out is empty"),
        (("run", "--repeat", "0"), "Invalid value"),
        (("run", "--no-such-option"), "No such option"),
        (("rnu",), "No such command"),
        (("list", "-k", "exit-trp"), "Did you mean exit-trap"),
        (("again", "exit-trp/bash/none/plain/TERM-group"), "exit-trap"),
        (("judge", "nowhere"), "does not exist"),
        (("show", CELL), "No run is stored"),
    ],
)
def test_a_mistake_of_the_users_is_said_and_has_status_3(
    aftercancel: Command, arguments: tuple[str, ...], message: str
) -> None:
    said = aftercancel(*arguments)
    assert (said.status, said.out) == (3, "")
    assert message in said.err
    assert not (aftercancel.folder / ".aftercancel").exists()


@pytest.mark.runs
def test_a_folder_with_another_run_is_refused_and_left_alone(aftercancel: Command) -> None:
    aftercancel("run", "-k", FEW, "--out", "here")
    before = (aftercancel.folder / "here" / "observations.jsonl").read_bytes()
    said = aftercancel("run", "-k", FEW, "--out", "here")
    assert said.status == 3
    assert "holds another run" in said.err
    assert (aftercancel.folder / "here" / "observations.jsonl").read_bytes() == before


@pytest.mark.runs
def test_a_folder_with_other_peoples_files_is_refused(aftercancel: Command) -> None:
    (aftercancel.folder / "notes.txt").write_text("mine")
    said = aftercancel("run", "-k", FEW, "--out", ".")
    assert said.status == 3
    assert "is not empty (notes.txt is there)" in said.err
    assert [each.name for each in aftercancel.folder.iterdir()] == ["notes.txt"]


@pytest.mark.runs
def test_there_are_no_more_workers_than_cells(aftercancel: Command) -> None:
    assert aftercancel("run", "-k", FEW, "-n", "900").status == 0
    record = aftercancel.stored().record()
    assert record is not None
    assert record.workers == 3


@pytest.mark.parametrize("command", ["run", "again"])
def test_every_option_has_its_help(aftercancel: Command, command: str) -> None:
    options = aftercancel(command, "--help").out.partition("Options:")[2]
    assert re.search(r"--evidence \[trace\|proc\] +\w", options)


@pytest.mark.runs
def test_a_folder_that_cannot_be_written_has_status_4(aftercancel: Command) -> None:
    said = aftercancel("run", "-k", FEW, "--out", "/proc/nowhere")
    assert said.status == 4
    assert "cannot be written" in said.err


@pytest.mark.runs
def test_a_place_that_cannot_work_has_status_4(aftercancel: Command) -> None:
    said = aftercancel("run", "-k", FEW, **{fake_place.MISSING: "No overlay file system."})
    assert said.status == 4
    assert "No overlay file system." in said.err


@pytest.mark.skipif(os.geteuid() != 0, reason="becoming an ordinary user needs root")
def test_an_ordinary_user_is_told_what_is_needed(aftercancel: Command) -> None:
    aftercancel.folder.chmod(0o777)
    script = (
        "import os, sys; os.setgid(65534); os.setuid(65534); os.execv(sys.argv[1], sys.argv[1:])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, sys.executable, "-m", "aftercancel", "run", "-k", FEW],
        cwd=aftercancel.folder,
        env={**aftercancel.environment, "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    if "Permission denied" in done.stderr or "No module named" in done.stderr:
        pytest.skip("an ordinary user cannot read this checkout")
    assert done.returncode == 4
    assert "not root" in done.stderr
    assert "How to get it" in done.stderr
    assert list(aftercancel.folder.iterdir()) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a tmpfs of 1 MiB needs root")
@pytest.mark.parametrize("workers", ["0", "2"])
def test_a_disk_that_fills_up_keeps_what_was_measured(
    aftercancel: Command, workers: str, tmp_path: Path
) -> None:
    disk, kept = tmp_path / "disk", tmp_path / "kept"
    disk.mkdir()
    run = f"{sys.executable} -m aftercancel run -k exit-trap -n {workers} --out {disk}/run"
    script = f"mount -t tmpfs -o size=1m tmpfs {disk} && {run}; status=$?; cp -r {disk}/run {kept}"
    done = subprocess.run(
        ["unshare", "-m", "sh", "-c", f"{script}; exit $status"],
        cwd=tmp_path,
        env={**aftercancel.environment, fake_place.PAD: "60000"},
        capture_output=True,
        text=True,
        check=False,
    )
    lines = list(RunFolder(kept).observations())
    assert done.returncode == 4
    assert "The disk is full while writing" in done.stderr
    assert "Traceback" not in done.stderr
    assert len(lines) > 5
    assert all(isinstance(line, Observation) for line in lines)
    record = RunFolder(kept).record()
    assert record is not None
    assert not record.complete


# Looking at a stored run


@pytest.mark.runs
def test_judge_makes_the_same_reports_again(aftercancel: Command) -> None:
    aftercancel("run", "-k", FEW, "--out", "here")
    folder = aftercancel.folder / "here"
    before = {each.name: each.read_bytes() for each in folder.iterdir()}
    for name in ("outcomes.jsonl", "claims.jsonl", "matrix.md", "junit.xml"):
        (folder / name).unlink()
    said = aftercancel("judge", "here")
    assert said.status == 0
    assert {each.name: each.read_bytes() for each in folder.iterdir()} == before


def test_judge_shows_a_run_whose_folder_lets_nobody_write(aftercancel: Command) -> None:
    folder = RunFolder.create(aftercancel.folder / "here")
    with folder.writer() as writer:
        writer.append(encode(fake_place.made_up(catalog.load().cell(CELL))))
    (folder.path / "outcomes.jsonl").mkdir()  # which stops root as well
    said = aftercancel("judge", "here")
    assert said.status == 4
    assert "exit-trap" in said.out
    assert "could not be written: Is a directory" in said.err
    assert "--out" not in said.err


@pytest.mark.runs
def test_judge_works_without_the_record(aftercancel: Command) -> None:
    aftercancel("run", "-k", FEW, "--out", "here")
    (aftercancel.folder / "here" / "run.json").unlink()
    assert aftercancel("judge", "here").status == 0


@pytest.mark.runs
def test_judge_names_lines_that_it_cannot_read_and_says_2(aftercancel: Command) -> None:
    aftercancel("run", "-k", FEW, "--out", "here")
    with (aftercancel.folder / "here" / "observations.jsonl").open("ab") as file:
        file.write(b'{"cell": "exit-tr')
    said = aftercancel("judge", "here")
    assert said.status == 2
    assert "line 4 is cut off" in said.err


def test_judge_of_a_run_without_observations_says_so(aftercancel: Command) -> None:
    (aftercancel.folder / "here").mkdir()
    (aftercancel.folder / "here" / "observations.jsonl").touch()
    said = aftercancel("judge", "here")
    assert said.status == 2
    assert "has no observation" in said.err


@pytest.mark.runs
def test_show_tells_one_cell(aftercancel: Command) -> None:
    aftercancel("run", "-k", FEW)
    said = aftercancel("show", CELL)
    assert said.status == 0
    assert CELL in said.out


@pytest.mark.runs
def test_show_as_json_is_the_stored_line_with_outcome_and_relays(aftercancel: Command) -> None:
    aftercancel("run", "-k", FEW)
    found = json.loads(aftercancel("show", CELL, "--json").out)
    lines = (aftercancel.stored().path / "observations.jsonl").read_text().splitlines()
    assert {"outcome", "relays"} <= found.keys()
    line = {name: value for name, value in found.items() if name not in {"outcome", "relays"}}
    assert line in [json.loads(text) for text in lines]


@pytest.mark.runs
def test_show_finds_later_attempts(aftercancel: Command) -> None:
    aftercancel("run", "-k", FEW, "--repeat", "2")
    assert json.loads(aftercancel("show", f"{CELL}#2", "--json").out)["attempt"] == 2


def test_show_of_a_cell_of_another_run_says_that_it_is_not_in_this_one(
    aftercancel: Command,
) -> None:
    folder = RunFolder.create(aftercancel.folder / "here")
    with folder.writer() as writer:
        writer.append(encode(fake_place.made_up(catalog.load().cell(CELL))))
    other = CELL.replace("TERM", "HUP")
    said = aftercancel("show", f"{other}#2", "--run", "here")
    assert (said.status, said.out) == (3, "")
    assert said.err.startswith(f"aftercancel: {other}#2 is not in this run (here).")
    assert f"`aftercancel again {other}` runs it; --run DIR names another run" in said.err
    assert "Did you mean" not in said.err


@pytest.mark.runs
def test_show_offers_the_nearest_cell_of_the_run(aftercancel: Command) -> None:
    aftercancel("run", "-k", FEW)
    said = aftercancel("show", CELL.replace("exit", "exot"))
    assert said.status == 3
    assert f"Did you mean {CELL}" in said.err


# Lists


def test_list_cells_prints_every_cell_of_the_matrix_with_a_sentence(aftercancel: Command) -> None:
    lines = aftercancel("list", "cells").out.splitlines()
    assert [line.split()[0] for line in lines] == [cell.id for cell in catalog.load().cells()]
    assert all(len(line.split()) > 4 for line in lines)


def test_the_sentences_of_a_cell_stand_apart(aftercancel: Command) -> None:
    catalogue = catalog.load()
    rows = json.loads(aftercancel("list", "cells", "--json").out)
    for row in rows:
        cell = catalogue.cell(row["id"])
        assert re.fullmatch(
            rf"{re.escape(cell.job.sentence)}(\.|(?<=[.?!])) "
            rf"{re.escape(cell.cancellation.sentence)}(\.|(?<=[.?!]))",
            row["sentence"],
        )


@pytest.mark.parametrize(
    ("what", "known"),
    [
        ("jobs", "exit-trap"),
        ("shells", "bash-xe"),
        ("launchers", "none"),
        ("runners", "plain-tty"),
        ("cancellations", "TERM-then-KILL"),
    ],
)
def test_list_prints_every_word_with_its_sentence(
    aftercancel: Command, what: str, known: str
) -> None:
    said = aftercancel("list", what, "--json")
    rows = {row["id"]: row["sentence"] for row in json.loads(said.out)}
    assert known in rows
    assert all(rows.values())


@pytest.mark.runs
def test_list_with_an_expression_prints_the_cells_that_run_would_run(aftercancel: Command) -> None:
    aftercancel("run", "-k", FEW)
    record = aftercancel.stored().record()
    assert record is not None
    lines = aftercancel("list", "-k", FEW).out.splitlines()
    assert tuple(line.split()[0] for line in lines) == record.cells


# The README


@pytest.mark.runs
def test_the_first_recipe_can_be_followed_line_by_line(aftercancel: Command) -> None:
    readme = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
    recipe = readme.partition("### I am choosing a pattern")[2].split("```")[1]
    lines = [shlex.split(line, comments=True) for line in recipe.splitlines()[1:]]
    assert [words[:1] for words in lines] == [["aftercancel"]] * 4
    for words in lines:
        said = aftercancel(*words[1:])
        assert said.status == 0, f"{words}: {said.err}"


# The rest


def test_version_and_help_are_there(aftercancel: Command) -> None:
    assert aftercancel("--version").out == f"aftercancel {__version__}\n"
    said = aftercancel("--help")
    assert said.status == 0
    assert "Exit statuses: 0 fine" in said.out


def test_a_reader_that_goes_away_is_no_traceback(aftercancel: Command) -> None:
    done = subprocess.run(
        ["sh", "-c", f"{sys.executable} -m aftercancel list cells | head -n 1"],
        cwd=aftercancel.folder,
        env=aftercancel.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr == ""
    assert len(done.stdout.splitlines()) == 1


def test_doctor_says_for_each_thing_what_and_why(aftercancel: Command) -> None:
    findings = json.loads(aftercancel("doctor", "--json").out)
    assert {"rights", "namespaces", "tracefs", "shell bash"} <= {each["name"] for each in findings}
    assert all(each["why"] for each in findings)

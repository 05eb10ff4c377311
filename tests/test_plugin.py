"""Cells as pytest items, in a session without workers. The place is a FAKE: nothing is run.

Above 400 lines because all of it is a session of pytest with the same fake place.
"""

from __future__ import annotations

import re
import subprocess
import sys
from xml.etree import ElementTree as ET

import msgspec
import pytest

from aftercancel import catalog
from aftercancel.model import Observation
from aftercancel.results import Record, RunFolder, key
from tests import fake_place

pytest_plugins = ["pytester"]

# Vocabulary

CELL = "exit-trap/bash/none/plain/TERM-group"
FEW = "exit-trap/bash/none/plain/ and not errexit and (TERM-group or HUP-group or INT-group)"
OURS = ("--disable-plugin-autoload", "-p", "aftercancel.plugin", "-p", "tests.fake_place")


@pytest.fixture(autouse=True)
def _importable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", fake_place.python_path())
    monkeypatch.delenv("PYTEST_ADDOPTS", raising=False)


def run(pytester: pytest.Pytester, *arguments: str) -> pytest.RunResult:
    return pytester.runpytest_subprocess(*OURS, *arguments)


def names(result: pytest.RunResult) -> list[str]:
    """The items that were reported with -v, in their order."""
    found = (re.match(r"(\S+::\S+) [A-Z]+", line) for line in result.outlines)
    return [match[1] for match in found if match]


def stored(pytester: pytest.Pytester) -> list[Observation]:
    folder = RunFolder.open(base=pytester.path / ".aftercancel")
    return [line for line in folder.observations() if isinstance(line, Observation)]


def record(pytester: pytest.Pytester) -> Record:
    found = RunFolder.open(base=pytester.path / ".aftercancel").record()
    assert found is not None
    return found


def say(pytester: pytest.Pytester, test: str) -> None:
    pytester.makepyfile(test_own=test)


# Asking for cells


def test_nothing_is_collected_unless_asked(pytester: pytest.Pytester) -> None:
    say(pytester, "def test_mine(): pass")
    run(pytester).assert_outcomes(passed=1)
    assert not (pytester.path / ".aftercancel").exists()


def test_a_session_that_does_not_ask_pays_nothing(pytester: pytest.Pytester) -> None:
    probe = (
        "import sys, aftercancel.plugin; print(sorted(m for m in sys.modules if 'msgspec' in m))"
    )
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_an_item_is_named_by_its_cell(pytester: pytest.Pytester) -> None:
    result = run(
        pytester, "--aftercancel", "-k", "exit-trap and bash/ and plain/ and TERM-group", "-v"
    )
    assert f"aftercancel::{CELL}" in names(result)
    assert all("exit-trap" in name and "TERM-group" in name for name in names(result))


def test_the_option_collects_the_whole_default_matrix(pytester: pytest.Pytester) -> None:
    result = run(pytester, "--aftercancel", "--collect-only", "-q")
    collected = [line for line in result.outlines if line.startswith("aftercancel::")]
    assert collected == [f"aftercancel::{cell.id}" for cell in catalog.load().cells()]


def test_a_slice_collects_its_cells_only(pytester: pytest.Pytester) -> None:
    name = next(iter(catalog.load().slices))
    result = run(pytester, "--aftercancel-slice", name, "--collect-only", "-q")
    collected = [line for line in result.outlines if line.startswith("aftercancel::")]
    assert collected == [f"aftercancel::{cell.id}" for cell in catalog.load().cells([name])]


@pytest.mark.parametrize("named", ["", "matrix.toml"])
def test_the_scenarios_can_be_named_like_a_test_file(pytester: pytest.Pytester, named: str) -> None:
    scenarios = str(catalog.scenarios_root() / named)
    own = ("-c", "/dev/null", "--rootdir", str(pytester.path))
    result = run(pytester, scenarios, *own, "-k", FEW, "-v")
    result.assert_outcomes(passed=3, deselected=len(catalog.load().cells()) - 3)
    assert f"aftercancel::{CELL}" in names(result)


def test_a_cell_can_be_named_by_its_node_id(pytester: pytest.Pytester) -> None:
    say(pytester, "def test_mine(): pass")
    result = run(pytester, f"aftercancel::{CELL}", "-v")
    assert names(result) == [f"aftercancel::{CELL}"]


def test_a_cell_outside_the_matrix_can_be_asked_for(pytester: pytest.Pytester) -> None:
    inside = {cell.id for cell in catalog.load().cells()}
    outside = "exit-trap/yash-xe/none/plain-eof/QUIT-process"
    assert outside not in inside
    run(pytester, "--aftercancel-cell", outside).assert_outcomes(passed=1)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--aftercancel-slice", "nowhere"), "nowhere"),
        (("aftercancel::exit-trp/bash/none/plain/TERM-group",), "exit-trap"),
        (("--aftercancel", "--aftercancel-repeat", "0"), "must be 1 or more"),
        (("--aftercancel", "--aftercancel-settle", "0"), "more than 0 seconds"),
        (("--aftercancel", "--aftercancel-settle", "inf"), "more than 0 seconds"),
        (("--aftercancel", "--aftercancel-settle", "nan"), "more than 0 seconds"),
        (("--aftercancel", "--aftercancel-out", ""), "--aftercancel-out is empty"),
    ],
)
def test_a_mistake_on_the_command_line_is_said_without_a_traceback(
    pytester: pytest.Pytester, arguments: tuple[str, ...], message: str
) -> None:
    result = run(pytester, *arguments)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert message in result.stderr.str()
    assert "Traceback" not in result.stderr.str() + result.stdout.str()


def test_other_peoples_tests_run_in_the_same_session(pytester: pytest.Pytester) -> None:
    say(pytester, "def test_mine(): pass\ndef test_broken(): assert False")
    result = run(pytester, "--aftercancel", "-k", f"test_ or ({FEW})")
    result.assert_outcomes(passed=4, failed=1, deselected=len(catalog.load().cells()) - 3)


FIXTURES = """
import pytest

@pytest.fixture(scope="session", autouse=True)
def house():
    print("house is set up")

@pytest.fixture(scope="module", autouse=True)
def room():
    print("room is set up")

@pytest.mark.parametrize("number", [1, 2])
def test_mine(number):
    pass
"""


# What an item says


def test_a_measured_cell_passes_whatever_its_outcome(pytester: pytest.Pytester) -> None:
    result = run(pytester, f"aftercancel::{CELL}")
    result.assert_outcomes(passed=1)


def test_a_cell_that_could_not_be_measured_fails_with_reason_and_story(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(fake_place.UNKNOWN, "HUP-group")
    result = run(pytester, "--aftercancel", "-k", FEW)
    result.assert_outcomes(passed=2, failed=1, deselected=len(catalog.load().cells()) - 3)
    text = result.stdout.str()
    assert "Could not tell: Not measured (lost events): the fake lost events" in text
    assert "Traceback" not in text
    assert "engine/items.py" not in text


def test_the_axes_are_properties_in_the_junit_report(pytester: pytest.Pytester) -> None:
    run(pytester, f"aftercancel::{CELL}", "--junit-xml=junit.xml")
    case = ET.parse(pytester.path / "junit.xml").find(".//testcase")  # noqa: S314 our own file
    assert case is not None
    assert case.get("name") == CELL
    assert {each.get("name"): each.get("value") for each in case.iter("property")} == {
        "processes": "gone",
        "clean-up": "ran",
        "report": "truthful",
    }


def test_attempts_are_items_of_their_own(pytester: pytest.Pytester) -> None:
    result = run(pytester, f"aftercancel::{CELL}", "--aftercancel-repeat", "3", "-v")
    items = [f"aftercancel::{CELL}{number}" for number in ("", "#2", "#3")]
    assert sorted(names(result)) == items
    assert sorted(key(each) for each in stored(pytester)) == [CELL, f"{CELL}#2", f"{CELL}#3"]


def test_last_failed_runs_the_cells_that_failed(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    cached = ("-p", "cacheprovider")
    monkeypatch.setenv(fake_place.UNKNOWN, "HUP-group")
    run(pytester, "--aftercancel", "-k", FEW, *cached).assert_outcomes(
        passed=2, failed=1, deselected=len(catalog.load().cells()) - 3
    )
    monkeypatch.delenv(fake_place.UNKNOWN)
    again = run(pytester, "--aftercancel", "--lf", "-v", *cached)
    assert names(again) == [f"aftercancel::{CELL.replace('TERM', 'HUP')}"]
    again.assert_outcomes(passed=1, deselected=len(catalog.load().cells()) - 1)


# Launchers that are not here

THROUGH = "exit-trap/dash/{launcher}/plain/TERM-group"
WITH_NPX = tuple(
    word
    for launcher in ("npx", "none", "env")
    for word in ("--aftercancel-cell", THROUGH.format(launcher=launcher))
)


def test_a_cell_without_its_launcher_is_skipped_with_the_way_to_get_it(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(fake_place.ABSENT, "npx")
    result = run(pytester, *WITH_NPX, "-rs")
    result.assert_outcomes(passed=2, skipped=1)
    assert "npx is not there: apt-get install npm" in result.stdout.str()


def test_a_cell_without_its_launcher_never_comes_to_the_place(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(fake_place.ABSENT, "npx env")
    monkeypatch.setenv(fake_place.LOG, str(pytester.path / "log"))
    run(pytester, *WITH_NPX).assert_outcomes(passed=1, skipped=2)
    assert (pytester.path / "log").read_text().split()[1:] == ["1"]
    assert [each.cell for each in stored(pytester)] == [THROUGH.format(launcher="none")]


def test_where_every_launcher_is_missing_no_place_is_opened(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(fake_place.ABSENT, "npx")
    monkeypatch.setenv(fake_place.MISSING, "The place was opened.")
    result = run(pytester, *WITH_NPX[:2])
    result.assert_outcomes(skipped=1)
    assert result.ret == pytest.ExitCode.OK


def test_what_was_not_tried_is_in_the_record_with_the_reason(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(fake_place.ABSENT, "npx")
    run(pytester, *WITH_NPX, "--aftercancel-repeat", "2")
    found = record(pytester)
    (not_tried,) = found.not_tried
    npx = THROUGH.format(launcher="npx")
    assert (not_tried.launcher, not_tried.cells) == ("npx", (npx, f"{npx}#2"))
    assert not_tried.why.startswith("npx is not there: ")
    assert found.complete
    assert npx not in found.cells


def test_a_launcher_that_is_missing_does_not_disturb_the_fixtures_of_other_tests(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(fake_place.ABSENT, "nice")
    pytester.makeconftest(FIXTURES.partition("@pytest.mark")[0])
    before, after = pytester.makepyfile(
        test_before="def test_mine(): pass", test_after="def test_mine(): pass"
    ).parent.glob("test_*.py")
    scenarios = str(catalog.scenarios_root() / "matrix.toml")
    own = ("-c", "/dev/null", "--rootdir", str(pytester.path), "-s")
    # The last cell is the one that is not tried; behind it comes somebody else's test.
    chosen = "test_mine or (/none/ or /nice/) and exit-trap/dash and plain/TERM-group"
    result = run(pytester, str(before), scenarios, str(after), *own, "-k", chosen)
    measured = len(stored(pytester))
    result.assert_outcomes(
        passed=measured + 2, skipped=1, deselected=len(catalog.load().cells()) - measured - 1
    )
    assert result.stdout.str().count("house is set up") == 1


def test_the_record_has_the_versions_of_what_the_launchers_need(pytester: pytest.Pytester) -> None:
    run(pytester, *WITH_NPX[2:]).assert_outcomes(passed=2)
    programs = record(pytester).programs
    assert list(programs) == ["env"]
    assert "unknown" not in programs["env"]


# Measuring


def test_all_selected_cells_are_measured_as_one_batch(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(fake_place.LOG, str(pytester.path / "log"))
    run(pytester, "--aftercancel", "-k", "exit-trap")
    batches = (pytester.path / "log").read_text().splitlines()
    assert [line.split()[1] for line in batches] == [str(len(stored(pytester)))]


def test_a_failure_is_reported_before_slower_cells_and_stops_the_session(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(fake_place.UNKNOWN, "HUP-group")
    monkeypatch.setenv(fake_place.SLOW, "TERM-group=100")
    result = run(pytester, "--aftercancel", "-k", FEW, "-x", "-v")
    assert result.duration < 50
    assert f"aftercancel::{CELL.replace('TERM', 'HUP')}" in names(result)
    assert f"aftercancel::{CELL}" not in names(result)
    assert record(pytester).why_not == "stopping after 1 failures"
    assert not record(pytester).complete


BACKWARDS = "exit-trap/dash/none/plain/ and not errexit and (INT or HUP)"


@pytest.fixture
def backwards(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The node ids of some cells, in their order; they are done in the opposite order."""
    monkeypatch.setenv(fake_place.REVERSED, "yes")
    result = run(pytester, "--aftercancel", "-k", BACKWARDS, "--collect-only", "-q")
    items = [line for line in result.outlines if line.startswith("aftercancel::")]
    assert len(items) == 4  # with an odd number nobody is told of itself
    return items


def test_the_first_that_is_done_may_be_the_one_whose_turn_is_next(
    pytester: pytest.Pytester, backwards: list[str]
) -> None:
    result = run(pytester, "--aftercancel", "-k", BACKWARDS, "-v")
    assert names(result) == backwards[::-1]
    result.assert_outcomes(
        passed=len(backwards), deselected=len(catalog.load().cells()) - len(backwards)
    )


def test_stopping_at_a_cell_that_came_out_of_turn_is_no_error(
    pytester: pytest.Pytester, backwards: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The one before it in the order of reporting is the one that must have been torn down."""
    monkeypatch.setenv(fake_place.UNKNOWN, backwards[0].removeprefix("aftercancel::"))
    result = run(pytester, "--aftercancel", "-k", BACKWARDS, "-x", "-v")
    assert names(result) == backwards[::-1]
    assert "not torn down" not in result.stdout.str()
    result.assert_outcomes(
        passed=len(backwards) - 1,
        failed=1,
        deselected=len(catalog.load().cells()) - len(backwards),
    )


def test_last_failed_cells_may_be_done_in_any_order(
    pytester: pytest.Pytester, backwards: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    cached = ("-p", "cacheprovider")
    monkeypatch.setenv(fake_place.UNKNOWN, "exit-trap")
    run(pytester, "--aftercancel", "-k", BACKWARDS, *cached)
    monkeypatch.delenv(fake_place.UNKNOWN)
    again = run(pytester, "--aftercancel", "--lf", "-v", *cached)
    assert names(again) == backwards[::-1]
    again.assert_outcomes(
        passed=len(backwards), deselected=len(catalog.load().cells()) - len(backwards)
    )


@pytest.mark.parametrize("first", ["tests", "cells"])
def test_fixtures_of_other_tests_are_set_up_once_whatever_the_order_of_the_cells(
    pytester: pytest.Pytester, backwards: list[str], first: str
) -> None:
    say(pytester, FIXTURES)
    scenarios = str(catalog.scenarios_root() / "matrix.toml")
    own = ("-c", "/dev/null", "--rootdir", str(pytester.path), "-s")
    where = ["--aftercancel"] if first == "tests" else [scenarios, "test_own.py"]
    result = run(pytester, *where, *own, "-k", f"test_mine or ({BACKWARDS})")
    result.assert_outcomes(
        passed=len(backwards) + 2, deselected=len(catalog.load().cells()) - len(backwards)
    )
    assert result.stdout.str().count("house is set up") == 1
    assert result.stdout.str().count("room is set up") == 1


def test_a_run_is_stored_with_its_record_and_reports(pytester: pytest.Pytester) -> None:
    run(pytester, "--aftercancel", "-k", FEW)
    folder = RunFolder.open(base=pytester.path / ".aftercancel").path
    kept = {"run.json", "observations.jsonl", "outcomes.jsonl", "claims.jsonl"}
    kept |= {"matrix.md", "junit.xml"}
    assert {each.name for each in folder.iterdir()} == kept
    assert record(pytester).complete
    assert set(record(pytester).cells) == {each.cell for each in stored(pytester)}
    assert record(pytester).place["place"] == "a fake"


def test_a_session_that_selects_no_cell_makes_no_folder(pytester: pytest.Pytester) -> None:
    result = run(pytester, "--aftercancel", "-k", "no-such-thing")
    assert result.ret == pytest.ExitCode.NO_TESTS_COLLECTED
    assert not (pytester.path / ".aftercancel").exists()


def test_a_folder_that_holds_another_run_stops_the_session(pytester: pytest.Pytester) -> None:
    arguments = (f"aftercancel::{CELL}", "--aftercancel-out", "out")
    run(pytester, *arguments).assert_outcomes(passed=1)
    result = run(pytester, *arguments)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert "holds another run" in result.stderr.str()


def test_a_place_that_dies_ends_the_session_and_keeps_what_was_measured(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(fake_place.DIES_AFTER, "5")
    result = run(pytester, "--aftercancel", "-k", "exit-trap")
    assert result.ret == pytest.ExitCode.INTERRUPTED
    assert "The fake executor died." in result.stdout.str()
    assert len(stored(pytester)) == 5
    assert record(pytester).why_not == "The fake executor died."


def test_a_machine_that_lacks_something_ends_the_session_with_the_reason(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(fake_place.MISSING, "This machine has no overlay file system.")
    result = run(pytester, "--aftercancel", "-k", FEW)
    assert result.ret == pytest.ExitCode.INTERRUPTED
    assert "This machine has no overlay file system." in result.stdout.str()
    assert "Traceback" not in result.stdout.str()


def test_outcomes_are_one_line_each_in_the_order_of_the_catalogue(
    pytester: pytest.Pytester,
) -> None:
    run(pytester, "--aftercancel", "-k", FEW)
    folder = RunFolder.open(base=pytester.path / ".aftercancel").path
    lines = (folder / "outcomes.jsonl").read_bytes().splitlines()
    cells = tuple(msgspec.json.decode(line)["cell"] for line in lines)
    assert cells == record(pytester).cells

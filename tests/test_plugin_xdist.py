"""Cells dealt to xdist workers. The place is a FAKE: nothing is run."""

from __future__ import annotations

import time
from collections import Counter
from pathlib import Path

import pytest

from aftercancel import catalog
from aftercancel.engine.shares import expected_wait_s, longest_first, shares
from aftercancel.model import Observation
from aftercancel.results import BadLine, Record, RunFolder
from tests import fake_place

pytest_plugins = ["pytester"]

# Vocabulary

OURS = (
    *("--disable-plugin-autoload", "-p", "aftercancel.plugin", "-p", "tests.fake_place"),
    *("-p", "xdist.plugin", "--aftercancel"),
)
SOME = "(exit-trap or no-trap) and none/plain/"


@pytest.fixture(autouse=True)
def _importable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", fake_place.python_path())
    monkeypatch.delenv("PYTEST_ADDOPTS", raising=False)


@pytest.fixture
def log(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A line for each batch: the process that measured it, and of how many cells."""
    path = pytester.path / "batches"
    monkeypatch.setenv(fake_place.LOG, str(path))
    return path


def run(pytester: pytest.Pytester, *arguments: str) -> pytest.RunResult:
    return pytester.runpytest_subprocess(*OURS, *arguments)


def stored(pytester: pytest.Pytester) -> list[str]:
    lines = list(RunFolder.open(base=pytester.path / ".aftercancel").observations())
    assert not [line for line in lines if isinstance(line, BadLine)]
    return [line.cell for line in lines if isinstance(line, Observation)]


def record(pytester: pytest.Pytester) -> Record:
    found = RunFolder.open(base=pytester.path / ".aftercancel").record()
    assert found is not None
    return found


def batches(log: Path) -> list[int]:
    return [int(line.split()[1]) for line in log.read_text().splitlines()]


# Shares


def test_every_cell_is_in_exactly_one_share() -> None:
    cells = catalog.load().cells()
    dealt = shares(cells, 3)
    assert sorted(position for share in dealt for position in share) == list(range(len(cells)))


def test_shares_are_about_equally_long() -> None:
    cells = catalog.load().cells()
    waits = [sum(expected_wait_s(cells[at]) for at in share) for share in shares(cells, 4)]
    assert max(waits) - min(waits) <= max(map(expected_wait_s, cells))


def test_shares_are_the_same_every_time() -> None:
    cells = catalog.load().cells()
    assert shares(cells, 5) == shares(catalog.load().cells(), 5)


def test_a_share_is_in_the_order_in_which_its_cells_will_be_decided() -> None:
    cells = catalog.load().cells()
    for share in shares(cells, 3):
        waits = [expected_wait_s(cells[at]) for at in share]
        assert waits == sorted(waits)


def test_the_longest_waits_start_first() -> None:
    waits = [expected_wait_s(cell) for cell in longest_first(catalog.load().cells())]
    assert waits == sorted(waits, reverse=True)


# Sessions


def test_each_worker_measures_its_share_as_one_batch(pytester: pytest.Pytester, log: Path) -> None:
    result = run(pytester, "-n", "2", "-k", SOME)
    result.assert_outcomes(passed=len(stored(pytester)))
    first, second = batches(log)
    assert first + second == len(stored(pytester)) == len(set(stored(pytester)))
    assert abs(first - second) < 10


def test_the_controller_alone_writes_record_and_reports(pytester: pytest.Pytester) -> None:
    run(pytester, "-n", "2", "-k", SOME)
    folder = RunFolder.open(base=pytester.path / ".aftercancel").path
    kept = {"run.json", "observations.jsonl", "outcomes.jsonl", "claims.jsonl"}
    kept |= {"matrix.md", "junit.xml"}
    assert {each.name for each in folder.iterdir()} == kept
    assert record(pytester).complete
    assert record(pytester).workers == 2
    assert sorted(record(pytester).cells) == sorted(stored(pytester))
    assert record(pytester).place["place"] == "a fake"


def test_more_workers_than_cells_are_no_problem(pytester: pytest.Pytester) -> None:
    run(pytester, "-n", "3", "aftercancel::exit-trap/bash/none/plain/TERM-group").assert_outcomes(
        passed=1
    )


def test_other_peoples_tests_are_dealt_as_well(pytester: pytest.Pytester, log: Path) -> None:
    pytester.makepyfile(
        test_own="""
        import pytest
        @pytest.mark.parametrize("number", range(20))
        def test_mine(number):
            assert number != 13
        """
    )
    result = run(pytester, "-n", "2", "-k", f"test_mine or ({SOME})")
    result.assert_outcomes(passed=len(stored(pytester)) + 19, failed=1)
    assert len(batches(log)) == 2


@pytest.mark.parametrize("how", ["loadscope", "loadfile", "loadgroup"])
def test_another_distribution_measures_every_cell_once(pytester: pytest.Pytester, how: str) -> None:
    result = run(pytester, "-n", "2", "--dist", how, "-k", SOME)
    result.assert_outcomes(passed=len(stored(pytester)))
    assert len(set(stored(pytester))) == len(stored(pytester))


@pytest.mark.parametrize("slow", ["nothing=0", "exit-trap=3"], ids=["alone", "among others"])
def test_a_worker_that_is_killed_is_replaced_and_nothing_is_measured_twice(
    pytester: pytest.Pytester, log: Path, monkeypatch: pytest.MonkeyPatch, slow: str
) -> None:
    weapon = pytester.path / "weapon"
    weapon.touch()
    monkeypatch.setenv(fake_place.KILLS_WORKER, str(weapon))
    monkeypatch.setenv(fake_place.SLOW, slow)
    result = run(pytester, "-n", "2", "-k", SOME)
    assert not weapon.exists()
    assert result.ret == 0
    assert Counter(stored(pytester)).most_common(1)[0][1] == 1
    assert record(pytester).complete
    first, second, third = batches(log)
    assert first + second == len(stored(pytester))
    assert third in (first - 3, second - 3)


def test_stopping_at_the_first_failure_does_not_wait_for_every_share(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(fake_place.UNKNOWN, "no-trap/dash/")
    monkeypatch.setenv(fake_place.SLOW, "exit-trap/zsh=60")
    started = time.monotonic()
    result = run(pytester, "-n", "2", "-k", SOME, "-x")
    assert time.monotonic() - started < 50
    assert result.ret == pytest.ExitCode.INTERRUPTED
    assert not record(pytester).complete


@pytest.mark.parametrize("how", ["load", "loadfile"])
def test_cells_without_their_launcher_are_skipped_by_the_workers(
    pytester: pytest.Pytester, log: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    monkeypatch.setenv(fake_place.ABSENT, "env timeout")
    chosen = "(/none/ or /env/ or /timeout/) and no-trap/dash and plain/"
    result = run(pytester, "-n", "2", "--dist", how, "-k", chosen, "-rs")
    found = record(pytester)
    names = [name for each in found.not_tried for name in each.cells]
    assert {each.launcher for each in found.not_tried} == {"env", "timeout"}
    result.assert_outcomes(passed=len(stored(pytester)), skipped=len(names))
    assert sum(batches(log)) == len(stored(pytester))
    assert not [name for name in stored(pytester) if "/none/" not in name]
    assert found.complete
    assert "env is not there: apt-get install coreutils" in result.stdout.str()


def test_a_machine_that_lacks_something_is_said_once_by_the_controller(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(fake_place.MISSING, "This machine has no overlay file system.")
    result = run(pytester, "-n", "2", "-k", SOME)
    assert result.ret != 0
    assert "This machine has no overlay file system." in result.stdout.str()
    assert "Traceback" not in result.stdout.str()
    assert stored(pytester) == []

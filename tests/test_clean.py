"""``aftercancel clean``: what is listed, and what is removed. The daemon is a fake."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from aftercancel.cli import clean
from aftercancel.executor.ownership import own_name
from aftercancel.executor.sweeping import stale
from aftercancel.places.labels import Labels
from tests import fake_daemon
from tests.fake_daemon import FakeDaemon

pytest.importorskip("docker", reason="Docker's SDK is not installed")
pytestmark = pytest.mark.usefixtures("sdk_leaves_sockets")
Clean = Callable[..., Result]


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeDaemon]:
    with fake_daemon.serving(tmp_path) as daemon:
        monkeypatch.setenv("DOCKER_HOST", daemon.environment["DOCKER_HOST"])
        yield daemon


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Clean:
    """The command, with nothing in the kernel that could be swept."""
    monkeypatch.setattr(clean, "_sweep", lambda *_: ())
    return lambda *words: CliRunner().invoke(clean.clean, list(words))


@pytest.fixture(scope="module")
def dead() -> dict[str, str]:
    """Labels of a process that has ended."""
    program = "from aftercancel.places.labels import Labels; print(Labels.new().client)"
    said = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    return Labels("dead", said.stdout.strip()).as_dict()


def test_what_a_dead_run_left_is_listed_and_not_removed(
    fake: FakeDaemon, run: Clean, dead: dict[str, str]
) -> None:
    fake.volumes["disk"] = dead
    said = run().output
    assert "volume disk, of process" in said
    assert "Nothing was removed. `aftercancel clean --yes`" in said
    assert fake.volumes


def test_with_yes_it_is_removed(fake: FakeDaemon, run: Clean, dead: dict[str, str]) -> None:
    fake.containers["box"] = dead
    fake.volumes["disk"] = dead
    assert "Removed: 2." in run("--yes").output
    assert not (fake.containers or fake.volumes)


def test_what_a_living_run_uses_stays_even_with_all(fake: FakeDaemon, run: Clean) -> None:
    fake.volumes["disk"] = Labels.new().as_dict()
    assert "Nothing of killed runs is there." in run("--yes", "--all").output
    assert fake.volumes


def test_what_another_machine_made_goes_only_with_all(fake: FakeDaemon, run: Clean) -> None:
    fake.volumes["disk"] = Labels("far", "other-host boot aftercancel-1-2-3").as_dict()
    said = run("--yes").output
    assert "volume disk, of process 1 on other-host: whether it lives is not known here" in said
    assert fake.volumes
    run("--yes", "--all")
    assert not fake.volumes


def test_without_a_daemon_the_rest_is_looked_at(
    run: Clean, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/absent.sock")
    assert "Not looked at: No Docker daemon answers" in run().output


def test_of_the_kernels_things_only_those_of_dead_runs_are_stale(tmp_path: Path) -> None:
    instances, groups = tmp_path / "tracing/instances", tmp_path / "cgroup/pids"
    for folder in (instances / own_name(), instances / "aftercancel-x", groups / "aftercancel-y"):
        folder.mkdir(parents=True)
    (instances / "somebody-elses").mkdir()
    found = stale(tmp_path / "tracing", tmp_path / "cgroup")
    assert sorted(found) == ["aftercancel-x", "aftercancel-y"]

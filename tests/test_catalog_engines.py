"""Containers in the catalogue: launchers with an engine, cancellations by its client."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from aftercancel import catalog
from aftercancel.catalog.catalogue import impossible
from aftercancel.errors import Fault, ScenarioError
from aftercancel.model import Action, Cell, EngineKind

CATALOGUE = catalog.load()
LAUNCHERS = """\
[none]
sentence = "Nothing"

[docker-run]
sentence = "docker run"
argv = ["docker", "run", "@MOUNTS@", "@ENVIRONMENT@", "lab", "@ARGV@"]
engine = { kind = "docker" }

[docker-exec]
sentence = "docker exec"
argv = ["docker", "exec", "@ENVIRONMENT@", "job", "@ARGV@"]
engine = { kind = "docker", before = ["docker", "run", "lab", "sleep", "infinity"] }

[timeout]
sentence = "timeout"
argv = ["timeout", "60"]

[far]
sentence = "ssh"
argv = ["/usr/bin/ssh", "far", "@ASSIGNMENTS@ @COMMAND@"]
far = { server = "openssh" }

[chained]
sentence = "timeout round docker run"
chain = ["timeout", "docker-run"]
"""
CANCELLATIONS = """\
[docker-stop]
sentence = "docker stop"
steps = [{ run = ["docker", "stop", "job"], patience = 12 }]

[engine-restart]
sentence = "restarted"
steps = [{ restart = "engine", patience = 20 }]
"""
MATRIX = """[slice.one]
sentence = "One"
jobs = ["a-job"]
shells = ["dash"]
launchers = ["docker-run", "docker-exec", "chained"]
cancellations = ["docker-stop", "engine-restart"]
"""
JOB = """#!/bin/sh
# /// aftercancel
# sentence = "A child"
# marks = ["ready"]
# ///
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A small folder of scenarios without a mistake."""
    shipped = catalog.scenarios_root()
    folder = tmp_path / "scenarios"
    (folder / "jobs").mkdir(parents=True)
    for name in ("shells", "runners"):
        shutil.copy(shipped / f"{name}.toml", folder)
    (folder / "launchers.toml").write_text(LAUNCHERS)
    (folder / "cancellations.toml").write_text(CANCELLATIONS)
    (folder / "matrix.toml").write_text(MATRIX)
    (folder / "jobs" / "a-job.sh").write_text(JOB)
    return folder


def edit(root: Path, file: str, old: str, new: str) -> None:
    text = (root / file).read_text()
    assert text.count(old) == 1
    (root / file).write_text(text.replace(old, new))


def only(root: Path) -> Fault:
    with pytest.raises(ScenarioError) as refused:
        catalog.load(root)
    assert len(refused.value.faults) == 1, str(refused.value)
    return refused.value.faults[0]


def cell(launcher: str, cancellation: str, runner: str = "plain") -> Cell:
    known = CATALOGUE
    return Cell(
        known.jobs["exit-trap"],
        known.shells["dash"],
        known.launchers[launcher],
        known.runners[runner],
        known.cancellations[cancellation],
    )


def test_an_engine_and_what_runs_before_the_job_are_read(root: Path) -> None:
    engine = catalog.load(root).launchers["docker-exec"].engine
    assert engine is not None
    assert engine.kind is EngineKind.DOCKER
    assert engine.before == ("docker", "run", "lab", "sleep", "infinity")


def test_what_root_is_to_run_is_read_with_the_engine_s_grace(root: Path) -> None:
    stop = catalog.load(root).cancellations["docker-stop"]
    (step,) = stop.steps
    assert (step.action, step.command) == (Action.RUN, ("docker", "stop", "job"))
    assert (stop.patience_s, stop.duration_s) == (12.0, 0.0)


def test_a_restart_of_the_engine_is_read(root: Path) -> None:
    restart = catalog.load(root).cancellations["engine-restart"]
    assert (restart.steps[0].action, restart.patience_s) == (Action.RESTART, 20.0)


def test_a_launcher_round_one_with_an_engine_has_it_too(root: Path) -> None:
    found = catalog.load(root).matrix["a-job/dash/chained/plain/docker-stop"]
    assert found.engine is not None
    assert found.large


MISTAKES: dict[str, tuple[str, str, str, str]] = {
    # name: file, old text, new text, problem
    "an engine that nobody knows": (
        "launchers.toml",
        'engine = { kind = "docker" }',
        'engine = { kind = "dokcer" }',
        "dokcer",
    ),
    "an unknown key of an engine": (
        "launchers.toml",
        'engine = { kind = "docker" }',
        'engine = { kind = "docker", image = "debian" }',
        "image",
    ),
    "an unknown placeholder in what runs before": (
        "launchers.toml",
        '"docker", "run", "lab", "sleep"',
        '"docker", "run", "@MUONTS@", "lab", "sleep"',
        "There is no placeholder @MUONTS@",
    ),
    "two engines in a chain": (
        "launchers.toml",
        '"timeout", "docker-run"]',
        '"docker-exec", "docker-run"]',
        "There is one container engine",
    ),
    "an engine on the other host": (
        "launchers.toml",
        '"timeout", "docker-run"]',
        '"far", "docker-run"]',
        "A container engine is on the runner's host only",
    ),
    "nothing to run": ("cancellations.toml", '["docker", "stop", "job"]', "[]", "run"),
    "something else than the engine is restarted": (
        "cancellations.toml",
        '"engine"',
        '"machine"',
        "machine cannot be restarted",
    ),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_said(root: Path, name: str) -> None:
    file, old, new, problem = MISTAKES[name]
    edit(root, file, old, new)
    assert problem in str(only(root))


def test_without_an_engine_there_is_nothing_to_stop() -> None:
    reason = impossible(cell("none", "docker-stop"))
    assert reason == "docker-stop needs a container engine, and none starts none."


def test_a_real_runner_is_given_no_engine() -> None:
    runner = next(name for name, each in CATALOGUE.runners.items() if each.real)
    reason = impossible(cell("docker-run", "end", runner))
    assert reason is not None
    assert reason.startswith("docker-run needs")


def test_one_engine_s_client_does_not_stop_another_s_container() -> None:
    reason = impossible(cell("podman-run", "docker-stop"))
    assert reason == "docker-stop is not for podman, which podman-run needs."
    assert impossible(cell("podman-run", "podman-stop")) is None


def test_what_has_no_daemon_cannot_be_restarted() -> None:
    assert impossible(cell("docker-run", "engine-restart")) is None
    reason = impossible(cell("podman-run", "engine-restart"))
    assert reason == "engine-restart is not for podman, which podman-run needs."


def test_compose_is_a_client_of_docker_s_engine() -> None:
    assert impossible(cell("docker-compose-up", "docker-compose-down")) is None


ENGINES = [kind.value for kind in EngineKind]
LAUNCHERS_OF_ENGINES = [
    name for name in CATALOGUE.launchers if name.split("-")[0] in ENGINES and "-" in name
]


@pytest.mark.parametrize("launcher", LAUNCHERS_OF_ENGINES)
def test_every_launcher_of_an_engine_s_name_has_that_engine(launcher: str) -> None:
    engine = cell(launcher, "end").engine
    assert engine is not None
    assert launcher.startswith(engine.kind.value)

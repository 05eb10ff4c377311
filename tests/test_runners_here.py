"""Which real runners are here, as ``aftercancel runners`` tells, and which cells that makes."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path

import pytest

from aftercancel import catalog
from aftercancel.cli.main import main
from aftercancel.engine.session import Asked
from aftercancel.errors import UsageError
from aftercancel.model import Cell
from aftercancel.runners import finding, registry
from aftercancel.runners.protocol import Kind

CATALOGUE = catalog.load()
ACT_CELL = "exit-trap/bash/none/act/runner-INT"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The one folder of runners, empty; nothing is in PATH, and nothing was looked for yet."""
    there = tmp_path / "runners"
    there.mkdir()
    monkeypatch.setenv(finding.FOLDERS, str(there))
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    monkeypatch.setenv("AFTERCANCEL_RUNNERS_FOUND", "{}")
    return there


def install_act(path: Path, version: str = "0.2.61") -> Path:
    """What only says its version, as act does."""
    path.write_text(f"#!/bin/sh\necho act version {version}\n")
    path.chmod(0o755)
    return path


def asked(*runners: str, **more: tuple[str, ...]) -> Asked:
    return Asked(None, runners=runners, **more)  # type: ignore[arg-type]  # slices and named


def chosen(what: Asked) -> tuple[Cell, ...]:
    words, _ = what.resolved(CATALOGUE)
    return what.cells(words)


def real(cells: tuple[Cell, ...]) -> set[str]:
    return {cell.runner.id for cell in cells if cell.runner.real}


@pytest.mark.usefixtures("folder")
def test_a_runner_that_is_not_here_is_told_with_how_to_get_it() -> None:
    _, absent = asked(slices=("one-shot",)).resolved(CATALOGUE)
    assert registry.kind("act").get in absent["act"]
    assert "Then name it: --runner act=PATH." in absent["act"]


@pytest.mark.usefixtures("folder")
def test_its_cells_are_asked_for_all_the_same() -> None:
    assert ACT_CELL in {cell.id for cell in chosen(asked(slices=("one-shot",)))}


def test_a_runner_that_is_found_is_asked_with_its_version(folder: Path) -> None:
    install_act(folder / "act")
    words, absent = asked(slices=("one-shot",)).resolved(CATALOGUE)
    assert "act" not in absent
    assert words.runners["act@0.2.61"].program == str(folder / "act")
    assert "act@0.2.61" in real(chosen(asked(slices=("one-shot",))))


def test_only_kinds_that_are_needed_are_looked_for(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked: list[str] = []

    def find(kind: Kind, paths: object = ()) -> finding.Search:
        looked.append(kind.name)
        return finding.Search(kind.name)

    monkeypatch.setattr(finding, "find", find)
    asked(slices=("traps",)).resolved(CATALOGUE)
    assert looked == []
    asked(named=(ACT_CELL,)).resolved(CATALOGUE)
    assert looked == ["act"]


@pytest.mark.usefixtures("folder")
def test_a_runner_that_is_named_is_the_only_one_that_is_asked() -> None:
    cells = chosen(asked("act"))
    assert {cell.runner.id for cell in cells} == {"act"}
    assert cells


@pytest.mark.usefixtures("folder")
def test_so_are_several() -> None:
    cells = chosen(asked("act", "gitlab-ci-local"))
    assert {cell.runner.id for cell in cells} == {"act", "gitlab-ci-local"}


@pytest.mark.usefixtures("folder")
def test_a_kind_of_runner_stands_for_all_its_variants_in_the_default_slices() -> None:
    named = {cell.runner.id for cell in chosen(asked("buildkite-agent"))}
    assert {"buildkite-agent", "buildkite-agent-no-pty"} == named


@pytest.mark.usefixtures("folder")
def test_a_variant_stands_for_itself() -> None:
    cells = chosen(asked("buildkite-agent-no-pty"))
    assert {cell.runner.id for cell in cells} == {"buildkite-agent-no-pty"}


@pytest.mark.usefixtures("folder")
def test_a_variant_that_no_default_slice_has_is_taken_from_one_that_does() -> None:
    cells = chosen(asked("buildbot-pty"))
    assert {cell.runner.id for cell in cells} == {"buildbot-pty"}
    assert {cell.id for cell in cells} <= set(CATALOGUE.slices["variants"].cells)


@pytest.mark.usefixtures("folder")
def test_where_a_slice_is_named_no_other_is_taken() -> None:
    assert chosen(Asked(scenarios=None, slices=("traps",), runners=("buildbot-pty",))) == ()


@pytest.mark.usefixtures("folder")
def test_the_lab_s_own_and_models_can_be_named_too() -> None:
    cells = chosen(asked("plain-eof", "kubernetes-modelled"))
    assert {cell.runner.id for cell in cells} == {"plain-eof", "kubernetes-modelled"}


def test_a_path_is_where_the_runner_is(folder: Path, tmp_path: Path) -> None:
    install_act(folder / "act", "1.0.0")
    mine = install_act(tmp_path / "my-act", "0.2.9")
    cells = chosen(asked(f"act={mine}"))
    assert {cell.runner.id for cell in cells} == {"act@0.2.9"}
    assert {cell.runner.program for cell in cells} == {str(mine)}


def test_a_runner_that_was_found_is_named_without_its_version(folder: Path) -> None:
    install_act(folder / "act-0.2.61")
    install_act(folder / "act-0.2.9", "0.2.9")
    assert real(chosen(asked("act"))) == {"act@0.2.61", "act@0.2.9"}


def test_a_single_cell_is_found_by_its_id_with_the_version(folder: Path) -> None:
    install_act(folder / "act")
    name = ACT_CELL.replace("/act/", "/act@0.2.61/")
    assert [cell.id for cell in chosen(asked(named=(name,)))] == [name]


@pytest.mark.usefixtures("folder")
def test_a_path_that_is_no_such_runner_is_refused() -> None:
    with pytest.raises(UsageError, match="--runner act: "):
        asked("act=/nowhere/act").resolved(CATALOGUE)


@pytest.mark.usefixtures("folder")
def test_a_runner_that_there_is_not_is_refused() -> None:
    with pytest.raises(UsageError, match=r"There is no runner atc\. Did you mean act"):
        asked("atc").resolved(CATALOGUE)


# aftercancel runners


@dataclass(frozen=True)
class Command:
    """The command, in this process."""

    captured: pytest.CaptureFixture[str]

    def __call__(self, *words: str) -> str:
        with pytest.raises(SystemExit) as left:
            main(["runners", *words])
        assert left.value.code == 0
        return self.captured.readouterr().out

    def rows(self, *words: str) -> dict[str, dict[str, object]]:
        return {row["id"]: row for row in json.loads(self("--json", *words))}


@pytest.fixture
def runners(capsys: pytest.CaptureFixture[str]) -> Command:
    return Command(capsys)


@pytest.mark.usefixtures("folder")
def test_where_no_runner_is_here_each_says_how_to_get_it(runners: Command) -> None:
    told = runners.rows()
    of_real = {name: row for name, row in told.items() if row["kind"] == "real"}
    assert set(told) == {name for name, each in CATALOGUE.runners.items() if not each.own}
    assert all(row["found"] == [] and row["get"] for row in of_real.values())


@pytest.mark.usefixtures("folder")
def test_a_model_says_what_it_follows_and_is_nothing_to_get(runners: Command) -> None:
    model = runners.rows()["kubernetes-modelled"]
    assert (model["kind"], model["get"]) == ("modelled", "")
    assert model["follows"] == CATALOGUE.runners["kubernetes-modelled"].follows


@pytest.mark.usefixtures("folder")
def test_a_runner_says_how_it_can_be_cancelled(runners: Command) -> None:
    told = runners.rows()
    assert told["hudson"]["cancellations"] == [
        "abort",
        "runner-TERM",
        "runner-INT",
        "runner-INT-twice",
        "runner-QUIT",
        "runner-KILL",
        "runner-KILL-restart",
        "server-TERM-restart",
        "server-KILL-restart",
    ]
    assert told["kubernetes-modelled"]["cancellations"] == ["stop"]


def test_a_runner_that_is_here_is_told_with_each_version_and_its_place(
    folder: Path, runners: Command
) -> None:
    install_act(folder / "act")
    install_act(folder / "act-0.2.9", "0.2.9")
    assert runners.rows()["act"]["found"] == [
        {"version": "0.2.9", "path": str(folder / "act-0.2.9")},
        {"version": "0.2.61", "path": str(folder / "act")},
    ]


def test_what_only_looks_like_a_runner_is_told_with_why_it_is_refused(
    folder: Path, runners: Command
) -> None:
    (folder / "act").write_text("no program\n")
    act = runners.rows("--runner", "act")["act"]
    assert act["found"] == []
    assert str(folder / "act") in str(act["problems"])


@pytest.mark.usefixtures("folder")
def test_only_the_runner_that_is_named_is_told_of(runners: Command) -> None:
    assert list(runners.rows("--runner", "act")) == ["act"]
    assert set(runners.rows("--runner", "hudson")) == {"hudson"}


@pytest.mark.usefixtures("folder")
def test_for_a_person_it_is_told_in_sentences(runners: Command) -> None:
    words = " ".join(runners().split())
    assert "act act: a step on the machine itself" in words
    assert "not found: " in words
    assert "modelled after: " in words
    real_ones = sum(each.real for each in CATALOGUE.runners.values())
    assert f"0 of {real_ones} real runners are here." in words
    assert finding.FOLDERS in words


def test_for_a_person_what_is_found_has_its_version_and_place(
    folder: Path, runners: Command
) -> None:
    install_act(folder / "act")
    words = " ".join(runners("--runner", "act").split())
    assert f"found: 0.2.61, {folder / 'act'}" in words
    assert "1 of 1 real runners are here." in words


@pytest.mark.usefixtures("folder")
def test_a_name_that_no_runner_has_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(["runners", "--runner", "atc"])
    assert left.value.code == UsageError.status
    assert "There is no runner atc. Did you mean act" in capsys.readouterr().err


def test_what_was_found_is_kept_for_the_processes_that_are_started(folder: Path) -> None:
    install_act(folder / "act")
    finding.search(["act"], finding.Wanted())
    assert json.loads(os.environ["AFTERCANCEL_RUNNERS_FOUND"])["act"]["found"]
    (folder / "act").unlink()
    (found,) = finding.search(["act"], finding.Wanted())["act"].found
    assert found.version == "0.2.61"

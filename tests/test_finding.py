"""Which real runners are found: by path, in folders, in PATH, and which version of each."""

from __future__ import annotations

from pathlib import Path

import pytest

from aftercancel import catalog
from aftercancel.errors import RunnerError, UsageError
from aftercancel.model import Runner
from aftercancel.runners import finding
from aftercancel.runners.finding import Search, Wanted
from aftercancel.runners.ground import Ground
from aftercancel.runners.protocol import Adapter, Found, Kind, Tell

RUNNERS = catalog.load().runners
REAL = Runner("builder", "A runner.", adapter="builder", ways=("cancel",))


def found(path: Path) -> Found:
    """A file that holds its version is such a program."""
    if not path.is_file():
        raise RunnerError(f"{path} is no builder.")
    return Found(path, path, path.read_text())


def never(ground: Ground, options: object, tell: Tell) -> Adapter:
    raise AssertionError("nothing is started here")


KIND = Kind("builder", ("builder",), "Buy it.", found, never)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The one folder of runners; nothing is in PATH."""
    there = tmp_path / "runners"
    there.mkdir()
    monkeypatch.setenv(finding.FOLDERS, str(there))
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    return there


def install(path: Path, version: str) -> Path:
    path.write_text(version)
    path.chmod(0o755)
    return path


def versions(search: Search) -> list[str]:
    return [each.version for each in search.found]


def test_every_version_in_the_folder_is_found_the_oldest_first(folder: Path) -> None:
    install(folder / "builder", "9.10.0")
    install(folder / "builder-9.9.0", "9.9.0")
    install(folder / "builder-10.0.0", "10.0.0")
    assert versions(finding.find(KIND)) == ["9.9.0", "9.10.0", "10.0.0"]


def test_two_files_of_one_version_are_one_runner(folder: Path) -> None:
    install(folder / "builder", "1.0")
    install(folder / "builder-1.0", "1.0")
    assert versions(finding.find(KIND)) == ["1.0"]


def test_what_only_begins_like_its_name_is_another_program(folder: Path) -> None:
    install(folder / "builder-helper", "1.0")
    assert versions(finding.find(KIND)) == []


def test_path_is_looked_at_where_no_folder_has_it(
    folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    install(tmp_path / "builder", "3.0")
    assert versions(finding.find(KIND)) == ["3.0"]
    install(folder / "builder", "4.0")
    assert versions(finding.find(KIND)) == ["4.0"]


def test_a_path_that_is_named_is_the_only_one(folder: Path, tmp_path: Path) -> None:
    install(folder / "builder", "1.0")
    mine = install(tmp_path / "mine", "2.0")
    assert versions(finding.find(KIND, [mine])) == ["2.0"]


def test_what_is_no_such_program_is_told_and_the_others_are_kept(folder: Path) -> None:
    install(folder / "builder", "1.0")
    (folder / "builder-2").mkdir()
    search = finding.find(KIND)
    assert versions(search) == ["1.0"]
    assert search.problems == (f"{folder}/builder-2 is no builder.",)


def test_an_option_names_a_runner_and_perhaps_where_it_is() -> None:
    wanted = Wanted.of(["hudson", "act=/opt/act", "act=/opt/other/act"])
    assert [named.name for named in wanted.named] == ["hudson", "act", "act"]
    assert wanted.paths("act") == (Path("/opt/act"), Path("/opt/other/act"))
    assert wanted.paths("hudson") == ()


@pytest.mark.parametrize("word", ["", "=/opt/act", "act="])
def test_an_option_without_a_name_or_a_path_is_refused(word: str) -> None:
    with pytest.raises(UsageError, match="NAME=PATH"):
        Wanted.of([word])


def test_a_runner_that_there_is_not_is_refused_with_what_is_near() -> None:
    with pytest.raises(UsageError, match=r"no runner gitlab-runer.*gitlab-runner"):
        finding.check(Wanted.of(["gitlab-runer"]), {})


def test_a_path_for_what_has_no_program_is_refused() -> None:
    with pytest.raises(UsageError, match="no program of its own"):
        finding.check(Wanted.of(["plain=/bin/true"]), {"plain": Runner("plain", "Ours.")})


def test_a_runner_of_the_catalogue_becomes_one_for_each_version() -> None:
    search = Search("builder", (found_at("/a", "1.0"), found_at("/b", "2.0 (beta)")))
    made = finding.versions({"builder": REAL, "plain": Runner("plain", "")}, {"builder": search})
    assert [each.id for each in made["builder"]] == ["builder@1.0", "builder@2.0--beta-"]
    assert [each.program for each in made["builder"]] == ["/a", "/b"]
    assert "plain" not in made


def found_at(path: str, version: str) -> Found:
    return Found(Path(path), Path(path), version)


def test_the_cells_of_a_runner_become_those_of_each_version() -> None:
    words = catalog.load()
    name = next(each.id for each in words.runners.values() if each.real)
    before = [cell for cell in words.matrix if f"/{name}/" in cell]
    runner = words.runners[name]
    search = Search(runner.adapter, (found_at("/a", "1.0"), found_at("/b", "2.0")))
    after = words.with_runners(finding.versions({name: runner}, {runner.adapter: search}))
    expected = {
        cell.replace(f"/{name}/", f"/{name}@{v}/") for cell in before for v in ("1.0", "2.0")
    }
    assert expected <= set(after.matrix)
    assert not set(before) & set(after.matrix)
    assert {cell for each in after.slices.values() for cell in each.cells} == set(after.matrix)
    assert after.cell(next(iter(expected))).runner.version in ("1.0", "2.0")


def docker_executor() -> Runner:
    return next(r for r in RUNNERS.values() if r.id == "gitlab-runner-docker")


def test_a_build_without_the_executor_is_not_used_for_it_and_that_is_said(tmp_path: Path) -> None:
    program = tmp_path / "gitlab-runner"
    program.write_bytes(b"\0gitlab-runner/executors/shell.(*executor)\0")
    searches = {"gitlab-runner": Search("gitlab-runner", (found_at(str(program), "19.4.0"),))}
    found = finding.versions(RUNNERS, searches)
    assert "gitlab-runner-docker" not in found
    assert [each.version for each in found["gitlab-runner"]] == ["19.4.0"]
    said = finding.not_here(docker_executor(), searches)
    assert said is not None
    assert "was built without the docker executor" in said


def test_a_build_with_it_is_used_where_an_engine_can_be_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "gitlab-runner"
    program.write_bytes(b"\0gitlab-runner/executors/docker.(*executor).Run\0")
    searches = {"gitlab-runner": Search("gitlab-runner", (found_at(str(program), "19.4.0"),))}
    monkeypatch.setattr("shutil.which", lambda name, **_: f"/usr/bin/{name}")
    found = finding.versions(RUNNERS, searches)
    assert [each.id for each in found["gitlab-runner-docker"]] == ["gitlab-runner-docker@19.4.0"]


def test_without_an_engine_that_is_what_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "gitlab-runner"
    program.write_bytes(b"\0gitlab-runner/executors/docker.(*executor).Run\0")
    searches = {"gitlab-runner": Search("gitlab-runner", (found_at(str(program), "19.4.0"),))}
    monkeypatch.setattr("shutil.which", lambda name, **_: None)
    assert "gitlab-runner-docker" not in finding.versions(RUNNERS, searches)
    said = finding.not_here(docker_executor(), searches)
    assert said == "dockerd and containerd and runc not there: apt-get install docker.io"

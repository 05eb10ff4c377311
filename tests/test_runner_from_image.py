"""A runner's program out of an image. The Docker daemon is a fake (docker_server.py)."""

from __future__ import annotations

import gc
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from aftercancel.errors import MissingError, StorageError, UsageError
from aftercancel.model import Runner
from aftercancel.results import runner_versions
from aftercancel.runners import finding, from_image
from aftercancel.runners.finding import Wanted
from aftercancel.runners.protocol import Found
from tests.docker_server import DockerServer, image_id

REFERENCE = "example/builder:v1"
PROGRAM = "/usr/bin/builder"
GITLAB = b"#!/bin/sh\necho 'Version:      17.3.0'\necho 'Git revision: 0'\n"


@pytest.fixture
def docker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[DockerServer]:
    """A daemon, and a cache of its own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("AFTERCANCEL_RUNNERS_FOUND", "{}")
    monkeypatch.setattr("platform.machine", lambda: "x86_64")
    with DockerServer(tmp_path) as server:
        monkeypatch.setenv("DOCKER_HOST", server.url)
        yield server


def take(path: str = PROGRAM) -> from_image.Taken:
    return from_image.take("builder", REFERENCE, path, lambda words: None)


def test_the_program_is_taken_out_and_can_be_executed(docker: DockerServer) -> None:
    docker.add(REFERENCE, 1, files={PROGRAM: b"program"})
    taken = take()
    assert taken.program.read_bytes() == b"program"
    assert taken.program.stat().st_mode & 0o777 == 0o755
    assert taken.program.name == "builder"


def test_no_container_is_left(docker: DockerServer) -> None:
    docker.add(REFERENCE, 1, files={PROGRAM: b"program"})
    take()
    assert (docker.made, docker.containers) == (1, {})


def test_it_is_taken_out_once_for_each_image(docker: DockerServer) -> None:
    docker.add(REFERENCE, 1, files={PROGRAM: b"one"})
    first = take()
    assert take() == first
    assert docker.made == 1
    docker.add(REFERENCE, 2, files={PROGRAM: b"two"})
    assert take().program.read_bytes() == b"two"
    assert first.program.read_bytes() == b"one"


def test_an_image_that_is_not_there_is_pulled(docker: DockerServer) -> None:
    docker.registry = {REFERENCE: docker.add("elsewhere", 1, files={PROGRAM: b"program"})}
    assert take().program.read_bytes() == b"program"


def test_symbolic_links_are_followed(docker: DockerServer) -> None:
    docker.add(REFERENCE, 1, files={PROGRAM: "../lib/builder", "/usr/lib/builder": b"program"})
    assert take().program.read_bytes() == b"program"


def test_links_that_lead_in_a_circle_are_no_program(docker: DockerServer) -> None:
    docker.add(REFERENCE, 1, files={PROGRAM: "builder"})
    with pytest.raises(UsageError, match="no program /usr/bin/builder"):
        take()
    assert docker.containers == {}


def test_an_image_without_the_program_is_refused_with_its_path(docker: DockerServer) -> None:
    docker.add(REFERENCE, 1, files={"/bin/sh": b""})
    with pytest.raises(UsageError, match=r"image:example/builder:v1.*no program /usr/bin/builder"):
        take()
    assert docker.containers == {}


def test_an_image_that_nobody_has_is_told_with_the_registrys_words(docker: DockerServer) -> None:
    docker.registry = {}
    with pytest.raises(MissingError, match="manifest for example/builder:v1 not found"):
        take()


def test_a_runner_of_another_architecture_is_refused(docker: DockerServer) -> None:
    docker.add(REFERENCE, 1, architecture="arm64", files={PROGRAM: b"program"})
    with pytest.raises(MissingError, match=r"is for arm64, and this machine is amd64"):
        take()
    assert docker.made == 0


# docker/transport/unixconn.py does not close its socket where it cannot connect.
@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_without_a_daemon_the_words_say_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/nowhere.sock")
    with pytest.raises(MissingError, match="No Docker daemon answers"):
        take()
    gc.collect()


@pytest.mark.usefixtures("docker")
def test_a_runner_without_an_official_image_needs_a_path() -> None:
    with pytest.raises(UsageError, match=r"no official image is known of builder.*=PATH"):
        take("")


def test_a_cache_that_cannot_be_written_is_told(
    docker: DockerServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    docker.add(REFERENCE, 1, files={PROGRAM: b"program"})
    with pytest.raises(StorageError, match="XDG_CACHE_HOME"):
        take()
    assert docker.containers == {}


def test_what_was_broken_off_is_not_taken_for_the_program(
    docker: DockerServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    docker.add(REFERENCE, 1, files={PROGRAM: b"program"})

    def break_off(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "replace", break_off)
    with pytest.raises(KeyboardInterrupt):
        take()
    monkeypatch.undo()
    monkeypatch.setenv("DOCKER_HOST", docker.url)
    assert docker.containers == {}
    kept = [path for path in docker.socket.parent.rglob("*") if path.is_file()]
    assert kept == []


def test_an_option_names_an_image() -> None:
    wanted = Wanted.of(["gitlab-runner=image:gitlab/gitlab-runner:v17.3.0", "gitlab-runner=/x"])
    assert wanted.images("gitlab-runner") == ("gitlab/gitlab-runner:v17.3.0",)
    assert wanted.paths("gitlab-runner") == (Path("/x"),)


@pytest.mark.parametrize("word", ["act=image:", "act=image:a b"])
def test_an_option_that_names_no_image_is_refused(word: str) -> None:
    with pytest.raises(UsageError, match="names no image"):
        Wanted.of([word])


def test_an_image_for_what_has_no_program_is_refused() -> None:
    with pytest.raises(UsageError, match="no program of its own"):
        finding.check(Wanted.of(["plain=image:x"]), {"plain": Runner("plain", "Ours.")})


def test_a_runner_out_of_an_image_stands_beside_one_that_is_named_by_path(
    docker: DockerServer, tmp_path: Path
) -> None:
    docker.add("gitlab/gitlab-runner:v17.3.0", 1, files={"/usr/bin/gitlab-runner": GITLAB})
    mine = tmp_path / "mine"
    mine.write_bytes(GITLAB.replace(b"17.3.0", b"16.0.0"))
    mine.chmod(0o755)
    found = search("image:gitlab/gitlab-runner:v17.3.0", str(mine))
    assert [(each.version, each.image) for each in found] == [
        ("16.0.0", ""),
        ("17.3.0", f"gitlab/gitlab-runner:v17.3.0 (id {image_id(1)})"),
    ]


def test_processes_that_this_one_starts_are_told_the_image_too(docker: DockerServer) -> None:
    docker.add("gitlab/gitlab-runner:v17.3.0", 1, files={"/usr/bin/gitlab-runner": GITLAB})
    first = search("image:gitlab/gitlab-runner:v17.3.0")
    docker.images.clear()
    assert search("image:gitlab/gitlab-runner:v17.3.0") == first


def test_a_run_says_which_image_a_runner_came_from(docker: DockerServer) -> None:
    digest = f"sha256:{7:064x}"
    docker.add(
        "gitlab/gitlab-runner:v17.3.0",
        1,
        digests=(f"gitlab/gitlab-runner@{digest}",),
        files={"/usr/bin/gitlab-runner": GITLAB},
    )
    wanted = Wanted.of(["gitlab-runner=image:gitlab/gitlab-runner:v17.3.0"])
    searches = finding.search(["gitlab-runner"], wanted)
    runner = Runner("gitlab-runner", "", adapter="gitlab-runner")
    made = finding.versions({"gitlab-runner": runner}, searches)["gitlab-runner"]
    assert json.loads(json.dumps(runner_versions(made))) == {
        "gitlab-runner": f"17.3.0 from the image gitlab/gitlab-runner:v17.3.0@{digest}"
    }


def search(*values: str) -> tuple[Found, ...]:
    wanted = Wanted.of(f"gitlab-runner={value}" for value in values)
    return finding.search(["gitlab-runner"], wanted)["gitlab-runner"].found

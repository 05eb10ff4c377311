"""Making the lab's images: bases, context, build, and what is made anew. The daemon is a fake
(docker_server.py); that a real one builds them is shown in tests/real/test_images.py.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from aftercancel import images
from aftercancel.cli.main import main
from aftercancel.errors import ImageError, MissingError
from aftercancel.images import bases, building, mmdebstrap, wheels
from aftercancel.images.making import Workshop
from aftercancel.images.pins import Pin
from aftercancel.places.daemon import Daemon
from tests.docker_server import DockerServer, image_id

PIN = Pin("debian-trixie", "debian", "trixie-slim")
APT_ERROR = "E: Unable to locate package nonesuch"
NO_NETWORK = "Temporary failure resolving 'deb.debian.org'"


@pytest.fixture
def docker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[DockerServer]:
    """A daemon that has Debian, and no pip here."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(wheels, "fetch", lambda *_: {"msgspec.whl": b"wheel"})
    with DockerServer(tmp_path) as server:
        monkeypatch.setenv("DOCKER_HOST", server.url)
        server.add("debian:trixie-slim", 1)
        yield server


@pytest.fixture
def daemon(docker: DockerServer) -> Iterator[Daemon]:
    with Daemon.connect() as connected:
        yield connected


def order(**more: object) -> building.Order:
    files = {"Dockerfile": b"FROM scratch\n"}
    return building.Order("one", "aftercancel/one:1", files, **more)  # type: ignore[arg-type]


def quiet(words: str) -> None:
    pass


def steps(*lines: str, error: str = "") -> list[dict[str, object]]:
    told: list[dict[str, object]] = [{"stream": f"{line}\n"} for line in lines]
    return [*told, {"error": error}] if error else told


# -- one build


def test_a_build_tells_its_long_steps(docker: DockerServer, daemon: Daemon) -> None:
    docker.answers = [
        steps("Step 1/3 : FROM scratch", "Step 2/3 : LABEL a=b", "Step 3/3 : RUN   apt-get", "x")
    ]
    told: list[str] = []
    assert building.build(daemon, order(), told.append) == image_id(0x2001)
    assert told == ["one: step 1 of 3: FROM scratch", "one: step 3 of 3: RUN apt-get"]


def test_labels_are_written_in_one_step_whatever_is_in_them(
    docker: DockerServer, daemon: Daemon
) -> None:
    building.build(daemon, order(labels={"b": 'a "word" for $5', "a": "1"}), quiet)
    text = docker.builds[0].files["Dockerfile"].decode()
    assert text.splitlines()[-1] == (
        'LABEL "a"="1" "aftercancel.building"="" "b"="a \\"word\\" for \\$5"'
    )


def test_a_steps_container_can_be_told_from_one_of_the_image(
    docker: DockerServer, daemon: Daemon
) -> None:
    stages = b"FROM one AS first\nRUN it\nFROM two\nRUN that\n"
    building.build(daemon, building.Order("x", "x:1", {"Dockerfile": stages}), quiet)
    lines = docker.builds[0].files["Dockerfile"].decode().split("\n")
    assert lines[:5] == [
        "FROM one AS first",
        "RUN it",
        "FROM two",
        "LABEL aftercancel.building=yes",
        "RUN that",
    ]


def test_the_network_is_the_daemons_where_that_leads_somewhere(
    docker: DockerServer, daemon: Daemon
) -> None:
    building.build(daemon, order(), quiet)
    assert [each.network for each in docker.builds] == [""]


def test_where_it_leads_nowhere_the_hosts_is_tried_and_said(
    docker: DockerServer, daemon: Daemon
) -> None:
    docker.answers = [steps(NO_NETWORK, error="returned a non-zero code: 100")]
    told: list[str] = []
    building.build(daemon, order(), told.append)
    assert [each.network for each in docker.builds] == ["", "host"]
    assert "--network host" in told[0]


def test_a_network_that_leads_nowhere_is_seen_far_above_the_last_words(
    docker: DockerServer, daemon: Daemon
) -> None:
    many = [f"Reading line {number}" for number in range(40)]
    docker.answers = [steps("Step 2/3 : RUN it", f"W: {NO_NETWORK}", *many, APT_ERROR, error="100")]
    building.build(daemon, order(), quiet)
    assert [each.network for each in docker.builds] == ["", "host"]


def test_a_network_that_failed_in_an_earlier_step_is_not_blamed(
    docker: DockerServer, daemon: Daemon
) -> None:
    earlier = ("Step 1/3 : RUN it", NO_NETWORK, "Step 2/3 : RUN that")
    docker.answers = [steps(*earlier, APT_ERROR, error="100")]
    with pytest.raises(ImageError, match="apt failed"):
        building.build(daemon, order(), quiet)


def test_a_network_that_was_asked_for_is_the_only_one(docker: DockerServer, daemon: Daemon) -> None:
    docker.answers = [steps(NO_NETWORK, error="returned a non-zero code: 100")]
    with pytest.raises(ImageError, match="Its network led nowhere"):
        building.build(daemon, order(network="none"), quiet)
    assert [each.network for each in docker.builds] == ["none"]


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ("write /x: no space left on device", "disk of the Docker daemon's machine is full"),
        (APT_ERROR, r"apt failed: E: Unable to locate package nonesuch"),
        ("Traceback: what nobody has foreseen", "what nobody has foreseen"),
    ],
)
def test_a_build_that_fails_says_step_and_reason(
    docker: DockerServer, daemon: Daemon, said: str, words: str
) -> None:
    docker.answers = [steps("Step 2/3 : RUN it", said, error="returned a non-zero code: 1")]
    with pytest.raises(ImageError, match=words) as caught:
        building.build(daemon, order(), quiet)
    assert "the step was: RUN it" in str(caught.value)


def test_a_daemon_that_stops_telling_has_built_nothing(daemon: Daemon) -> None:
    with pytest.raises(ImageError, match="stopped telling"):
        building._heard(order(), [{"stream": "Step 1/1 : FROM scratch\n"}], quiet)


# -- bases


def test_a_base_that_is_there_is_taken_and_said_not_to_be_pinned(daemon: Daemon) -> None:
    told: list[str] = []
    assert bases.ensure(daemon, PIN, told.append).id == image_id(1)
    assert "not pinned yet" in told[0]


def test_a_pinned_base_is_pulled_by_its_digest(docker: DockerServer, daemon: Daemon) -> None:
    digest = f"sha256:{'c' * 64}"
    pin = Pin("debian-trixie", "debian", "trixie-slim", digest, "2026-01-02")
    docker.registry = {f"debian@{digest}": docker.add("elsewhere", 7)}
    assert bases.ensure(daemon, pin, quiet).id == image_id(7)


def test_where_no_registry_answers_debian_is_made_here_and_that_is_said(
    docker: DockerServer, daemon: Daemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    docker.images.clear()
    made: list[tuple[str, str]] = []

    def make(_: Daemon, codename: str, name: str, tell: object) -> None:
        made.append((codename, name))
        docker.add(name, 9)

    monkeypatch.setattr(mmdebstrap, "make", make)
    told: list[str] = []
    found = bases.ensure(daemon, PIN, told.append)
    assert made == [("trixie", "aftercancel/base:debian-trixie-slim")]
    assert found.id == image_id(9)
    assert "No registry answers: dial tcp: lookup registry: no such host." in told
    bases.ensure(daemon, PIN, told.append)
    assert len(made) == 1
    assert "made by mmdebstrap before" in told[-1]


def test_nothing_is_made_in_place_of_an_image_that_the_registry_does_not_have(
    docker: DockerServer, daemon: Daemon
) -> None:
    docker.images.clear()
    docker.registry = {}
    with pytest.raises(MissingError, match=r"not found.*scripts/pins\.py"):
        bases.ensure(daemon, PIN, quiet)


def test_what_is_no_debian_cannot_be_made_without_a_registry(daemon: Daemon) -> None:
    with pytest.raises(MissingError, match=r"only Debian can be made.*alpine is not"):
        bases.ensure(daemon, Pin("alpine", "alpine", "3.22"), quiet)


# -- the lab's images


def test_the_runtime_is_built_with_all_that_it_is_made_on(
    docker: DockerServer, daemon: Daemon
) -> None:
    made = images.ensure_runtime(daemon, quiet)
    assert [each.name.partition(":")[0] for each in docker.builds] == [
        "aftercancel/python",
        "aftercancel/runtime",
    ]
    python, runtime = docker.builds
    assert python.arguments == {"BASE": "debian:trixie-slim"}
    assert python.files["wheels/msgspec.whl"] == b"wheel"
    assert runtime.arguments == {"PYTHON": image_id(0x2001)}
    assert "package/aftercancel/executor/service.py" in runtime.files
    assert made == image_id(0x2002)


def test_it_is_built_once(docker: DockerServer, daemon: Daemon) -> None:
    first = images.ensure_runtime(daemon, quiet)
    assert images.ensure_runtime(daemon, quiet) == first
    assert len(docker.builds) == 2


def test_it_is_built_again_when_the_packages_code_differs_and_its_python_is_not(
    docker: DockerServer, daemon: Daemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = images.ensure_runtime(daemon, quiet)
    changed: Mapping[str, bytes] = {"aftercancel/__init__.py": b"# another state"}
    monkeypatch.setattr("aftercancel.images.source.of_package", lambda: changed)
    assert images.ensure_runtime(daemon, quiet) != first
    assert [each.name.partition(":")[0] for each in docker.builds] == [
        "aftercancel/python",
        "aftercancel/runtime",
        "aftercancel/runtime",
    ]


def test_another_pin_of_its_base_makes_another_state(daemon: Daemon) -> None:
    workshop = Workshop(daemon, quiet)
    before = workshop.known["gitlab-runner"]
    assert workshop.state(before) != workshop.state(before.at("v18.0.0"))


def test_an_image_says_what_it_is_and_what_it_was_made_on(
    docker: DockerServer, daemon: Daemon
) -> None:
    workshop = Workshop(daemon, quiet)
    workshop.make(workshop.known["debian-trixie"])
    labels = docker.images["aftercancel/lab:debian-trixie"].labels
    assert labels["org.opencontainers.image.title"] == "aftercancel/lab"
    assert labels["org.opencontainers.image.base.name"] == "debian:trixie-slim"
    assert labels["aftercancel.image"] == "debian-trixie"
    assert image_id(1) in labels["aftercancel.pins"]


def test_an_image_on_a_base_that_was_made_here_says_so(
    docker: DockerServer, daemon: Daemon
) -> None:
    docker.images.clear()
    docker.add("aftercancel/base:debian-trixie-slim", 9)
    workshop = Workshop(daemon, quiet)
    workshop.make(workshop.known["debian-trixie"])
    pins = docker.images["aftercancel/lab:debian-trixie"].labels["aftercancel.pins"]
    assert "made by mmdebstrap in place of debian:trixie-slim" in pins


def test_without_pip_the_build_still_has_the_folder_for_wheels(
    docker: DockerServer, daemon: Daemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wheels, "fetch", lambda *_: {})
    workshop = Workshop(daemon, quiet)
    workshop.make(workshop.known["python"])
    assert "wheels" in docker.builds[0].files


def test_what_a_killed_build_left_is_removed_by_the_next(
    docker: DockerServer, daemon: Daemon
) -> None:
    docker.found = [{"Id": "old", "Created": 1}, {"Id": "new", "Created": time.time()}]
    workshop = Workshop(daemon, quiet)
    workshop.make(workshop.known["python"])
    assert docker.removed == ["old"]


# -- the command


def run(*words: str) -> int:
    with pytest.raises(SystemExit) as ended:
        main(["images", *words])
    assert isinstance(ended.value.code, int)
    return ended.value.code


@pytest.mark.usefixtures("docker")
def test_the_list_tells_what_is_built_and_what_is_untested(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run("build", "debian-trixie") == 0
    assert run("list") == 0
    shown = capsys.readouterr().out
    assert "built: aftercancel/lab:debian-trixie, 2026-01-02 03:04 UTC, 45 MB" in shown
    assert "not built: aftercancel/lab:alpine; aftercancel images build alpine" in shown
    assert "untested: the image alpine could not be pulled" in shown


# docker/transport/unixconn.py does not close its socket where it cannot connect.
@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_without_a_daemon_the_images_are_listed_all_the_same(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/nowhere.sock")
    assert run("list") == 0
    shown = capsys.readouterr()
    assert "debian-trixie" in shown.out
    assert "No Docker daemon answers" in shown.err
    assert run("build", "debian-trixie") == 4
    assert "No Docker daemon answers" in capsys.readouterr().err
    gc.collect()


def test_one_that_cannot_be_built_keeps_none_of_the_others_from_it(
    docker: DockerServer, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("build", "alpine", "debian-trixie") == 4
    assert "1 of 2 images could not be built: alpine" in capsys.readouterr().err
    assert [each.name for each in docker.builds] == ["aftercancel/lab:debian-trixie"]


@pytest.mark.usefixtures("docker")
def test_an_image_that_there_is_not_is_a_mistake_of_usage(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run("build", "debian-trixi") == 3
    assert "Did you mean debian-trixie" in capsys.readouterr().err


def test_the_packages_are_told_for_a_dockerfile_of_ones_own(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run("packages", "apt") == 0
    assert {"bash", "mksh", "docker.io"} <= set(capsys.readouterr().out.split())

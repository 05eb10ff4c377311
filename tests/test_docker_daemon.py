"""Which Docker daemon is meant, and its errors in words of ours. The daemon is a fake."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from aftercancel.errors import ExitStatus, MissingError, UsageError
from aftercancel.places import image, runtime
from aftercancel.places.daemon import Address, Daemon, DaemonError
from aftercancel.places.image import Image, Progress
from tests import fake_daemon
from tests.fake_daemon import FakeDaemon

pytest.importorskip("docker", reason="Docker's SDK is not installed")


pytestmark = pytest.mark.usefixtures("sdk_leaves_sockets")


@pytest.fixture
def fake(tmp_path: Path) -> Iterator[FakeDaemon]:
    with fake_daemon.serving(tmp_path) as daemon:
        yield daemon


@pytest.fixture
def daemon(fake: FakeDaemon) -> Iterator[Daemon]:
    with Daemon.connect(fake.environment) as connected:
        yield connected


def ignore(_: str) -> None:
    """Progress that nobody wants to see."""


def test_docker_host_says_which_daemon_is_meant() -> None:
    assert str(Address.of({"DOCKER_HOST": "tcp://far:2375"})) == "tcp://far:2375 (DOCKER_HOST)"


def test_a_context_says_which_daemon_is_meant(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from docker.context import ContextAPI

    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    (tmp_path / "config.json").write_text("{}")
    ContextAPI.create_context("faraway", host="ssh://somebody@far")
    found = Address.of({"DOCKER_CONTEXT": "faraway"})
    assert found.url == "ssh://somebody@far:22"
    assert found.said_by == "the Docker context faraway"


def test_a_context_that_is_not_there_is_named() -> None:
    with pytest.raises(UsageError, match=r"no Docker context absent-context.*docker context ls"):
        Address.of({"DOCKER_CONTEXT": "absent-context"})


@pytest.mark.parametrize("nonsense", ["nonsense", "smtp://mail", "tcp://", "tcp://host:port", "::"])
def test_an_address_that_is_none_is_a_usage_error(nonsense: str) -> None:
    with pytest.raises(
        UsageError, match=r"DOCKER_HOST is .* no address of a Docker daemon"
    ) as told:
        Daemon.connect({"DOCKER_HOST": nonsense})
    assert told.value.status is ExitStatus.USAGE


def test_where_no_daemon_answers_it_is_said_how_to_get_one(tmp_path: Path) -> None:
    with pytest.raises(DaemonError, match=r"No Docker daemon answers at .*docker\.io") as told:
        Daemon.connect({"DOCKER_HOST": f"unix://{tmp_path}/absent.sock"})
    assert told.value.status is ExitStatus.MISSING


def test_who_may_not_speak_with_the_daemon_is_told_of_its_group(
    fake: FakeDaemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    import socket

    class Refusing(socket.socket):
        def connect(self, address: object) -> None:
            raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("socket.socket", Refusing)
    with pytest.raises(DaemonError, match="usermod -aG docker"):
        Daemon.connect(fake.environment)


def test_what_answers_and_is_no_daemon_is_told_apart(fake: FakeDaemon) -> None:
    fake.wrong["GET /version"] = (404, {"message": "this is a web server"})
    with pytest.raises(DaemonError, match="No Docker daemon answers at"):
        Daemon.connect(fake.environment)


def test_a_full_disk_of_the_daemons_is_said_with_what_frees_room(
    fake: FakeDaemon, daemon: Daemon
) -> None:
    fake.wrong["POST /volumes/create"] = fake_daemon.NO_SPACE
    words = r"disk of the Docker daemon.*is full.*docker system df"
    with pytest.raises(DaemonError, match=words), daemon.doing("making a volume"):
        daemon.api.create_volume("any")


def test_a_refusal_has_the_daemons_own_words(fake: FakeDaemon, daemon: Daemon) -> None:
    fake.wrong["POST /volumes/create"] = (500, {"message": "the moon is wrong"})
    words = "refused while making a volume: the moon is wrong"
    with pytest.raises(DaemonError, match=words), daemon.doing("making a volume"):
        daemon.api.create_volume("any")


def test_an_image_is_known_by_what_the_daemon_says_of_it(fake: FakeDaemon, daemon: Daemon) -> None:
    fake.images["any:tag"] = fake_daemon.IMAGE
    found = image.find(daemon, "any:tag", ignore)
    assert found.environment == {"PATH": "/opt/bin:/bin", "COLOUR": "red"}
    assert (found.name, found.id) == ("any:tag", fake_daemon.IMAGE["Id"])


def test_an_image_that_is_not_there_is_pulled_with_progress(
    fake: FakeDaemon, daemon: Daemon
) -> None:
    fake.pull = (
        {"status": "Pulling fs layer", "id": "a"},
        {
            "status": "Downloading",
            "id": "a",
            "progressDetail": {"current": 1 << 20, "total": 5 << 20},
        },
        {"status": "Pull complete", "id": "a"},
        {"status": "Status: Downloaded newer image"},
    )
    fake.pulled = {"new:tag": fake_daemon.IMAGE}
    told: list[str] = []
    assert image.find(daemon, "new:tag", told.append).name == "new:tag"
    assert told[0] == "Pulling new:tag …"
    assert "Pulling new:tag: 0 of 1 layers, 1 of 5 MiB" in told
    assert told[-1].startswith("Pulling new:tag: 1 of 1 layers")


def test_an_image_that_nobody_has_is_told_with_the_next_step(
    fake: FakeDaemon, daemon: Daemon
) -> None:
    fake.wrong["POST /images/create"] = (404, {"message": "pull access denied for absent"})
    with pytest.raises(
        MissingError, match=r"does not have the image absent.*access denied.*docker pull"
    ):
        image.find(daemon, "absent", ignore)


def test_a_pull_that_fails_half_way_says_so(fake: FakeDaemon, daemon: Daemon) -> None:
    fake.pull = ({"status": "Pulling fs layer", "id": "a"}, {"error": "unexpected EOF"})
    with pytest.raises(MissingError, match=r"could not be pulled: unexpected EOF\. .*docker pull"):
        image.find(daemon, "half:way", ignore)


def test_a_pull_that_stops_without_a_word_is_no_image(fake: FakeDaemon, daemon: Daemon) -> None:
    fake.pull = ({"status": "Pulling fs layer", "id": "a"},)
    with pytest.raises(MissingError, match="stopped telling before it was done"):
        image.find(daemon, "half:way", ignore)


@pytest.mark.parametrize("name", ["", " ", "two words"])
def test_a_name_that_can_be_no_images_is_a_usage_error(name: str, daemon: Daemon) -> None:
    with pytest.raises(UsageError, match="is no image's name"):
        image.find(daemon, name, ignore)


def test_an_image_of_another_system_is_refused(fake: FakeDaemon, daemon: Daemon) -> None:
    fake.images["win"] = fake_daemon.IMAGE | {"Os": "windows"}
    with pytest.raises(MissingError, match="is for windows"):
        image.find(daemon, "win", ignore)


def test_an_image_of_another_architecture_is_refused_with_the_one_to_pull() -> None:
    ours = Image.of("ours", fake_daemon.IMAGE)
    foreign = Image.of("theirs", fake_daemon.IMAGE | {"Architecture": "arm64"})
    with pytest.raises(MissingError, match=r"for arm64.*docker pull --platform linux/amd64 theirs"):
        runtime.refuse_other_architecture(foreign, ours)


def test_progress_is_told_only_where_there_is_something_new() -> None:
    progress = Progress()
    line = {"status": "Waiting", "id": "a"}
    assert progress.heard(line) == "0 of 1 layers, 0 of 0 MiB"
    assert progress.heard(line) is None
    assert progress.heard({"status": "Pulling from library/debian", "id": "latest"}) is None


def test_the_fake_answers_as_json(fake: FakeDaemon, daemon: Daemon) -> None:
    assert json.loads(json.dumps(daemon.api.info()))["MemTotal"] == 1 << 30

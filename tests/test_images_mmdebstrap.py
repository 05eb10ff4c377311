"""Debian bases without a registry. mmdebstrap and apt-get are shell scripts here, and the daemon is a
fake; the real ones are tried in tests/real/test_images.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from aftercancel.errors import ImageError, MissingError
from aftercancel.images import mmdebstrap
from aftercancel.images.mmdebstrap import Mirrors
from aftercancel.places.daemon import Daemon
from tests.docker_server import DockerServer

NAME = "aftercancel/base:debian-trixie-slim"
OWN = "Debian|http://mirror.example/debian/\\nDebian-Security|http://mirror.example/security/\\n"
Install = Callable[[str, str], None]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """Puts a program into a PATH that has nothing else but what /bin has."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in ("sh", "cat", "printf", "sleep"):
        (folder / name).symlink_to(f"/bin/{name}" if name != "printf" else "/usr/bin/printf")
    monkeypatch.setenv("PATH", str(folder))

    def put(name: str, script: str) -> None:
        (folder / name).write_text(f"#!/bin/sh\n{script}\n")
        (folder / name).chmod(0o755)

    put("apt-get", f"printf '{OWN}'")
    return put


@pytest.fixture
def docker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[DockerServer]:
    with DockerServer(tmp_path) as server:
        monkeypatch.setenv("DOCKER_HOST", server.url)
        monkeypatch.setattr("platform.machine", lambda: "x86_64")
        yield server


@pytest.fixture
def daemon(docker: DockerServer) -> Iterator[Daemon]:
    with Daemon.connect() as connected:
        yield connected


def make(daemon: Daemon) -> list[str]:
    told: list[str] = []
    mmdebstrap.make(daemon, "trixie", NAME, told.append)
    return told


def test_this_machines_own_mirrors_are_used(install: Install) -> None:
    found = Mirrors.of_this_machine()
    assert (found.main, found.own) == ("http://mirror.example/debian", True)
    assert "http://mirror.example/debian trixie-updates main\n" in found.sources("trixie")
    assert "http://mirror.example/security trixie-security main\n" in found.sources("trixie")


def test_a_machine_that_is_no_debian_asks_debians_usual_mirrors(install: Install) -> None:
    install("apt-get", "printf 'Ubuntu|http://mirror.example/ubuntu/\\n'")
    found = Mirrors.of_this_machine()
    assert (found.main, found.own) == ("http://deb.debian.org/debian", False)


def test_the_base_is_made_and_given_to_the_daemon(
    install: Install, docker: DockerServer, daemon: Daemon, tmp_path: Path
) -> None:
    install(
        "mmdebstrap",
        f'cat > {tmp_path}/sources; printf "%s " "$@" > {tmp_path}/words\n'
        'for last; do case $last in *.tar) printf tar > "$last";; esac; done; echo "I: done"',
    )
    told = make(daemon)
    assert docker.imported == [NAME]
    assert "trixie-security" in (tmp_path / "sources").read_text()
    assert "--variant=minbase" in (tmp_path / "words").read_text()
    assert "this machine's own apt sources: http://mirror.example/debian" in told[0]
    assert told[-1] == "mmdebstrap: done"


def test_without_mmdebstrap_the_words_say_how_to_get_it(install: Install, daemon: Daemon) -> None:
    with pytest.raises(MissingError, match="apt-get install mmdebstrap"):
        make(daemon)


def test_a_base_for_a_machine_of_another_kind_is_not_made(
    install: Install, docker: DockerServer, daemon: Daemon
) -> None:
    install("mmdebstrap", "exit 1")
    docker.architecture = "arm64"
    with pytest.raises(MissingError, match="its machine is arm64 while this one is amd64"):
        make(daemon)


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ("E: write failed: No space left on device", "the disk is full"),
        ("E: apt-get update failed", "apt-get update` works on this machine"),
    ],
)
def test_a_failure_is_told_with_its_last_words(
    install: Install, docker: DockerServer, daemon: Daemon, said: str, words: str
) -> None:
    install("mmdebstrap", f"cat > /dev/null; echo '{said}' >&2; exit 1")
    with pytest.raises(ImageError, match=words):
        make(daemon)
    assert docker.imported == []


def test_a_user_who_may_make_no_namespace_is_told_how_to(
    install: Install, daemon: Daemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    install("mmdebstrap", "echo 'E: unshare failed: newuidmap is missing' >&2; exit 1")
    with pytest.raises(ImageError, match=r"/etc/subuid.*or run this as root"):
        make(daemon)


def test_it_is_ended_when_we_are_interrupted(
    install: Install, daemon: Daemon, tmp_path: Path
) -> None:
    install(
        "mmdebstrap",
        f"trap 'echo ended > {tmp_path}/ended; exit 1' TERM; cat > /dev/null\n"
        "echo 'I: begun'; while :; do sleep 0.05; done",
    )

    def interrupt(words: str) -> None:
        if words == "mmdebstrap: begun":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        mmdebstrap.make(daemon, "trixie", NAME, interrupt)
    assert (tmp_path / "ended").read_text() == "ended\n"

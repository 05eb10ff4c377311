"""The lab's own images, built by a real Docker daemon; and a runner out of a real image.

Without a daemon they skip. What is made here is removed again, but for the runtime image and what the
daemon remembers of its build.
"""

from __future__ import annotations

import io
import json
import shutil
import socket
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from aftercancel import catalog, images
from aftercancel.errors import MissingError
from aftercancel.images import mmdebstrap, shipped
from aftercancel.places.daemon import Daemon
from aftercancel.runners import finding, registry
from aftercancel.runners.finding import Wanted

# Making the runtime image from nothing counts for the first test that needs it.
pytestmark = pytest.mark.timeout(900)

EMPTY = "aftercancel-test/empty:1"
GITLAB = "gitlab/gitlab-runner:v17.3.0-aftercancel-test"
BASE = "aftercancel-test/base:trixie"
LAB = "aftercancel/lab:debian-trixie"


@pytest.fixture(scope="module")
def daemon() -> Iterator[Daemon]:
    try:
        connected = Daemon.connect()
    except MissingError as error:
        pytest.skip(str(error))
    with connected:
        yield connected


@pytest.fixture(scope="module")
def runtime(daemon: Daemon) -> str:
    """Built from this very package; from nothing that takes a minute or two."""
    return images.ensure_runtime(daemon, print)


@pytest.fixture
def empty(daemon: Daemon) -> Iterator[str]:
    """An image without a libc, a shell or anything else but one file."""
    repository, _, tag = EMPTY.partition(":")
    daemon.api.import_image_from_data(_tar({"nothing": b""}), repository=repository, tag=tag)
    yield EMPTY
    daemon.api.remove_image(EMPTY)


def _tar(files: dict[str, bytes], mode: int = 0o644) -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as tar:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(content), mode
            tar.addfile(entry, io.BytesIO(content))
    return made.getvalue()


def said_in(
    daemon: Daemon, image: str, runtime: str, words: list[str], environment: dict[str, str]
) -> tuple[int, str]:
    """What the runtime's Python says in a container of that image, and its status."""
    api: Any = daemon.api
    volume = api.create_container(runtime)["Id"]
    container = None
    try:
        container = api.create_container(
            image,
            entrypoint=["/aftercancel/bin/python3", "-I", "-X", "utf8"],
            command=words,
            environment=environment,
            host_config=api.create_host_config(volumes_from=[f"{volume}:ro"], network_mode="none"),
        )["Id"]
        api.start(container)
        status = api.wait(container, timeout=60)["StatusCode"]
        return status, api.logs(container).decode()
    finally:
        for each in filter(None, (container, volume)):
            api.remove_container(each, force=True, v=True)


def test_the_runtime_starts_where_there_is_nothing(
    daemon: Daemon, runtime: str, empty: str
) -> None:
    words = ["-c", "import asyncio, ctypes, lzma, msgspec, ssl, zlib; print('here')"]
    assert said_in(daemon, empty, runtime, words, {}) == (0, "here\n")


def test_an_images_environment_does_not_keep_it_from_starting(
    daemon: Daemon, runtime: str, empty: str
) -> None:
    hostile = {
        "PYTHONHOME": "/nowhere",
        "PYTHONPATH": "/nowhere",
        "LD_LIBRARY_PATH": "/lib:/usr/lib:/lib64",
        "LC_ALL": "xx_YY.ISO-8859-1",
        "PATH": "",
    }
    words = ["-c", "import sys, msgspec; print(sys.prefix, sys.flags.utf8_mode)"]
    assert said_in(daemon, empty, runtime, words, hostile) == (0, "/aftercancel 1\n")


def test_everything_that_an_executor_may_import_is_in_it(
    daemon: Daemon, runtime: str, empty: str
) -> None:
    script = """
import importlib, pkgutil
import aftercancel.executor, aftercancel.runners
for package in (aftercancel.executor, aftercancel.runners):
    for found in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
        importlib.import_module(found.name)
print("all")
"""
    assert said_in(daemon, empty, runtime, ["-c", script], {}) == (0, "all\n")


def test_a_traceback_in_it_has_the_line_of_the_source(
    daemon: Daemon, runtime: str, empty: str
) -> None:
    words = ["-c", "from aftercancel.runners import registry; registry.kind('nonesuch')"]
    status, said = said_in(daemon, empty, runtime, words, {})
    assert status == 1
    assert "module, constant = _MODULES[name]" in said


def test_it_is_small_and_has_few_files(daemon: Daemon, runtime: str, empty: str) -> None:
    """A copy of it is made for every run: what costs there is the number of files."""
    assert daemon.api.inspect_image(runtime)["Size"] < 80_000_000
    words = ["-c", "import os; print(sum(len(f) for _, _, f in os.walk('/aftercancel')))"]
    assert int(said_in(daemon, empty, runtime, words, {})[1]) < 200


def test_it_is_found_the_second_time_without_a_build(daemon: Daemon, runtime: str) -> None:
    told: list[str] = []
    assert images.ensure_runtime(daemon, told.append)
    # Somebody may have changed the package meanwhile; then it is built again, and that is right.
    assert not told or "Building" in "".join(told)


@pytest.fixture
def gitlab(daemon: Daemon, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An image of the official one's name with the binary that is here; the cache is empty."""
    found = next(iter(finding.find(registry.kind("gitlab-runner")).found), None)
    if found is None:
        pytest.skip("no gitlab-runner is here that could be put into an image")
    program = found.program.read_bytes()
    repository, _, tag = GITLAB.partition(":")
    with tarfile.open(tmp_path / "image.tar", "w") as tar:
        entry = tarfile.TarInfo("usr/bin/gitlab-runner")
        entry.size, entry.mode = len(program), 0o755
        tar.addfile(entry, io.BytesIO(program))
    daemon.api.import_image_from_file(str(tmp_path / "image.tar"), repository=repository, tag=tag)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("AFTERCANCEL_RUNNERS_FOUND", "{}")
    yield found.program
    daemon.api.remove_image(GITLAB)


def test_a_runner_is_taken_out_of_its_image(daemon: Daemon, gitlab: Path) -> None:
    before = {each["Id"] for each in daemon.api.containers(all=True)}
    wanted = Wanted.of([f"gitlab-runner=image:{GITLAB}"])
    (found,) = finding.search(["gitlab-runner"], wanted)["gitlab-runner"].found
    assert found.program != gitlab
    assert found.program.read_bytes() == gitlab.read_bytes()
    identity = daemon.api.inspect_image(GITLAB)["Id"]
    assert found.image == f"{GITLAB} (id {identity})"
    image_of = {each["Id"]: each["ImageID"] for each in daemon.api.containers(all=True)}
    assert identity not in [image for each, image in image_of.items() if each not in before]


def test_a_debian_base_is_made_without_a_registry(daemon: Daemon) -> None:
    if shutil.which("mmdebstrap") is None:
        pytest.skip("mmdebstrap is not installed: apt-get install mmdebstrap")
    host = mmdebstrap.Mirrors.of_this_machine().main.split("/")[2]
    try:
        socket.getaddrinfo(host.partition(":")[0], 80)
    except OSError as error:
        pytest.skip(f"{host}, where Debian's packages are, is not known here: {error}")
    try:
        mmdebstrap.make(daemon, "trixie", BASE, print)
        made = daemon.api.create_container(BASE, ["cat", "/etc/os-release"])["Id"]
        try:
            daemon.api.start(made)
            assert daemon.api.wait(made, timeout=60)["StatusCode"] == 0
            assert b"VERSION_CODENAME=trixie" in daemon.api.logs(made)
        finally:
            daemon.api.remove_container(made, force=True)
    finally:
        daemon.api.remove_image(BASE)


def test_the_lab_image_has_every_shell_but_those_that_its_release_lacks(daemon: Daemon) -> None:
    from aftercancel.places import image

    if image.look(daemon, LAB) is None:
        pytest.skip(f"{LAB} is not built: aftercancel images build debian-trixie (minutes)")
    shells = {shell.argv[0]: shell.package for shell in catalog.load().shells.values()}
    script = (
        'cat /usr/share/aftercancel/not-here; echo --; for p; do [ -x "$p" ] && echo "$p"; done'
    )
    made = daemon.api.create_container(LAB, ["sh", "-c", f"{script}; true", "sh", *shells])["Id"]
    try:
        daemon.api.start(made)
        daemon.api.wait(made, timeout=60)
        lacking, _, there = daemon.api.logs(made).decode().partition("--\n")
    finally:
        daemon.api.remove_container(made, force=True)
    missing = {package for path, package in shells.items() if path not in there.split()}
    assert missing <= set(lacking.split())
    assert "bash" not in missing


def test_labels_say_what_the_runtime_was_made_of(daemon: Daemon, runtime: str) -> None:
    labels = daemon.api.inspect_image(runtime)["Config"]["Labels"]
    assert labels["aftercancel.image"] == "runtime"
    assert labels["aftercancel.state"]
    assert "image python" in json.dumps(labels["aftercancel.pins"])
    assert shipped.read()["runtime"].sentence == labels["org.opencontainers.image.description"]

"""The pinned base images, and the script that asks registries for their digests.

The registry here is a fake on this machine, which wants a token as Docker's does; no test asks a
real one.
"""

from __future__ import annotations

import importlib.util
import json
import sys
import threading
import urllib.parse
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from aftercancel.errors import CouldNotTell, UsageError
from aftercancel.images import pins
from aftercancel.images.pins import Pin

PROJECT = Path(__file__).resolve().parent.parent
DIGEST = f"sha256:{'a' * 64}"
OTHER = f"sha256:{'b' * 64}"
LIST = "application/vnd.oci.image.index.v1+json"
ONE_IMAGE = "application/vnd.oci.image.manifest.v1+json"


def _load_script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("pins_script", PROJECT / "scripts" / "pins.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


script = _load_script()


class Registry:
    """What it has, and what it was asked."""

    def __init__(self) -> None:
        self.tags: dict[str, tuple[str, str]] = {}
        """``repository:tag``: content type and digest."""
        self.status = 200
        self.tokens: list[str] = []
        registry = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 its name there
                pass

            def do_GET(self) -> None:
                scope = urllib.parse.parse_qs(urllib.parse.urlsplit(self.path).query)["scope"][0]
                registry.tokens.append(scope)
                body = json.dumps({"token": f"for {scope}"}).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def do_HEAD(self) -> None:
                repository, _, tag = self.path.removeprefix("/v2/").partition("/manifests/")
                scope = f"repository:{repository}:pull"
                if self.headers.get("Authorization") != f"Bearer for {scope}":
                    self.send_response(401)
                    realm = f'Bearer realm="{registry.url}/token",service="fake",scope="{scope}"'
                    self.send_header("WWW-Authenticate", realm)
                elif registry.status != 200:
                    self.send_response(registry.status)
                elif (found := registry.tags.get(f"{repository}:{tag}")) is None:
                    self.send_response(404)
                else:
                    self.send_response(200)
                    self.send_header("Content-Type", found[0])
                    self.send_header("Docker-Content-Digest", found[1])
                self.end_headers()

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.host = f"127.0.0.1:{self._server.server_port}"
        self.url = f"http://{self.host}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def registry() -> Iterator[Registry]:
    made = Registry()
    made.tags["base:v1"] = (LIST, DIGEST)
    yield made
    made.stop()


@pytest.fixture
def folder(tmp_path: Path, registry: Registry) -> Path:
    """With a file of two pins that are not pinned yet."""
    tables = "".join(
        f'[{name}]\nrepository = "{registry.host}/{name}"\ntag = "v1"\ndigest = ""\npinned = ""\n\n'
        for name in ("base", "second")
    )
    (tmp_path / pins.FILE).write_text(f"# The head stays.\n\n{tables}")
    return tmp_path


def test_the_shipped_pins_can_be_read() -> None:
    known = pins.read(PROJECT / "containers")
    assert known["debian-trixie"].tagged == "debian:trixie-slim"


def test_a_pin_with_a_digest_names_that_very_image() -> None:
    pin = Pin("base", "debian", "trixie-slim", DIGEST, "2026-01-02")
    assert pin.reference == f"debian:trixie-slim@{DIGEST}"
    assert pin.words == f"debian:trixie-slim, pinned on 2026-01-02 to {DIGEST}"


def test_a_pin_without_a_digest_takes_the_tag_and_says_so() -> None:
    pin = Pin("base", "debian", "trixie-slim")
    assert pin.reference == "debian:trixie-slim"
    assert "not pinned yet" in pin.words


def test_another_version_of_a_pinned_image_is_not_pinned() -> None:
    pin = Pin("runner", "example/runner", "v1", DIGEST, "2026-01-02")
    assert pin.at("v2").reference == "example/runner:v2"
    assert pin.at("v1") == pin


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ('repository = "a"\ntag = "b"', "must have digest, pinned, repository, tag"),
        ('repository = "a"\ntag = "b"\ndigest = "sha256:1"\npinned = "x"', "is none: 'sha256:1'"),
        (f'repository = "a"\ntag = "b"\ndigest = "{DIGEST}"\npinned = ""', "and the day of it"),
        ('repository = ""\ntag = "b"\ndigest = ""\npinned = ""', "needs a repository"),
        ('repository = "a"\ntag = 1\ndigest = ""\npinned = ""', "must be text"),
        ("repository =", "cannot be read"),
    ],
)
def test_a_mistake_in_the_file_is_told(tmp_path: Path, table: str, words: str) -> None:
    (tmp_path / pins.FILE).write_text(f"[base]\n{table}\n")
    with pytest.raises(UsageError, match=words):
        pins.read(tmp_path)


@pytest.mark.parametrize(
    ("repository", "url"),
    [
        ("debian", "https://registry-1.docker.io/v2/library/debian"),
        ("gitlab/gitlab-runner", "https://registry-1.docker.io/v2/gitlab/gitlab-runner"),
        ("quay.io/a/b", "https://quay.io/v2/a/b"),
        ("localhost:5000/a", "http://localhost:5000/v2/a"),
    ],
)
def test_a_repository_is_asked_for_where_docker_would(repository: str, url: str) -> None:
    assert script.Place.of(repository).url == url


def test_the_digest_is_asked_for_with_a_token(registry: Registry) -> None:
    assert script.digest(Pin("base", f"{registry.host}/base", "v1")) == DIGEST
    assert registry.tokens == ["repository:base:pull"]


def test_pinning_writes_digest_and_day_and_keeps_the_rest(folder: Path) -> None:
    assert script.main(["base"], folder) == 0
    pin = pins.read(folder)["base"]
    assert (pin.digest, len(pin.pinned)) == (DIGEST, 10)
    assert not pins.read(folder)["second"].digest
    assert (folder / pins.FILE).read_text().startswith("# The head stays.\n")


def test_what_is_pinned_already_is_left_alone(folder: Path, registry: Registry) -> None:
    script.main(["base"], folder)
    before = (folder / pins.FILE).read_text()
    assert script.main(["base"], folder) == 0
    assert (folder / pins.FILE).read_text() == before


def test_checking_says_what_has_moved_and_changes_nothing(
    folder: Path, registry: Registry, capsys: pytest.CaptureFixture[str]
) -> None:
    script.main(["base"], folder)
    before = (folder / pins.FILE).read_text()
    registry.tags["base:v1"] = (LIST, OTHER)
    assert script.main(["--check", "base"], folder) == 1
    assert f"is {OTHER}, was {DIGEST}" in capsys.readouterr().out
    assert (folder / pins.FILE).read_text() == before


def test_a_tag_that_is_not_there_keeps_the_others_from_nothing(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert script.main([], folder) == 2
    assert "there is no such tag" in capsys.readouterr().err
    assert pins.read(folder)["base"].digest == DIGEST


def test_an_image_of_one_architecture_is_not_pinned(registry: Registry) -> None:
    registry.tags["base:v1"] = (ONE_IMAGE, DIGEST)
    with pytest.raises(CouldNotTell, match="no list of images"):
        script.digest(Pin("base", f"{registry.host}/base", "v1"))


def test_a_digest_that_is_none_is_not_written(registry: Registry) -> None:
    registry.tags["base:v1"] = (LIST, "sha256:12")
    with pytest.raises(CouldNotTell, match="told no digest"):
        script.digest(Pin("base", f"{registry.host}/base", "v1"))


def test_a_registry_that_is_asked_too_often_is_told_so(registry: Registry) -> None:
    registry.status = 429
    with pytest.raises(CouldNotTell, match="too many questions"):
        script.digest(Pin("base", f"{registry.host}/base", "v1"))


def test_a_registry_that_does_not_answer_changes_nothing(folder: Path, registry: Registry) -> None:
    before = (folder / pins.FILE).read_text()
    registry.stop()
    registry.stop = lambda: None  # type: ignore[method-assign]  # the fixture stops it once more
    assert script.main(["base"], folder) == 2
    assert (folder / pins.FILE).read_text() == before


def test_a_name_that_there_is_not_is_refused(folder: Path) -> None:
    with pytest.raises(UsageError, match=r"no other\. There are: base, second"):
        script.main(["other"], folder)

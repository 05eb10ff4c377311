"""A fake Docker daemon on a unix socket: what the lab asks one for images, and nothing more.

It speaks the API of docs.docker.com/reference/api/engine as far as the lab's requests go; the SDK in
between is the real one. What it is told to answer is data of each test.
"""

from __future__ import annotations

import http.server
import io
import json
import re
import socketserver
import tarfile
import threading
import urllib.parse
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

_ID = re.compile(r"sha256:[0-9a-f]{64}")


def image_id(number: int) -> str:
    return f"sha256:{number:064x}"


@dataclass
class FakeImage:
    """An image that the daemon has."""

    id: str
    architecture: str = "amd64"
    labels: Mapping[str, str] = field(default_factory=dict)
    digests: tuple[str, ...] = ()
    files: Mapping[str, bytes | str] = field(default_factory=dict)
    """By path; text is where a symbolic link leads."""
    created: int = 1_700_000_000


@dataclass(frozen=True)
class Built:
    """One request for a build."""

    name: str
    network: str
    arguments: Mapping[str, str]
    files: Mapping[str, bytes]


class DockerServer:
    """Started when entered."""

    def __init__(self, folder: Path) -> None:
        self.socket = folder / "docker.sock"
        self.images: dict[str, FakeImage] = {}
        """By each of its names."""
        self.architecture = "amd64"
        self.registry: dict[str, FakeImage] | str = "dial tcp: lookup registry: no such host"
        """What can be pulled; text: the error that is the answer to every pull."""
        self.builds: list[Built] = []
        self.answers: list[list[dict[str, Any]]] = []
        """For the next builds, their lines; none left: they succeed."""
        self.imported: list[str] = []
        self.containers: dict[str, FakeImage] = {}
        self.found: list[dict[str, Any]] = []
        """Containers that are listed, whatever is asked for."""
        self.made = 0
        """Containers, in all."""
        self.removed: list[str] = []
        self._server = _Server(str(self.socket), _Handler)
        self._server.fake = self
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.02,), daemon=True
        )

    @property
    def url(self) -> str:
        return f"unix://{self.socket}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def add(self, name: str, number: int, **facts: Any) -> FakeImage:
        """Give it an image."""
        made = FakeImage(image_id(number), **facts)
        self.images[name] = made
        return made

    def find(self, name: str) -> FakeImage | None:
        by_id = {image.id: image for image in self.images.values()}
        return self.images.get(_without_tag(name)) or by_id.get(name)


def _without_tag(name: str) -> str:
    """Of a name with both tag and digest the digest counts (moby/reference, ``store.Get``)."""
    return re.sub(r":[^/@]+@", "@", name)


class _Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True
    fake: DockerServer


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def address_string(self) -> str:
        return "unix"

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 its name there
        pass

    def do_GET(self) -> None:
        self._serve()

    def do_HEAD(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def do_DELETE(self) -> None:
        self._serve()

    def _serve(self) -> None:  # noqa: C901 a branch for each request
        url = urllib.parse.urlsplit(self.path)
        query = {k: v[-1] for k, v in urllib.parse.parse_qs(url.query).items()}
        path = urllib.parse.unquote(re.sub(r"^/v[0-9.]+", "", url.path))
        body = self._body()
        fake = self.server.fake
        if path == "/version":
            self._json({"ApiVersion": "1.41", "Version": "0", "Arch": fake.architecture})
        elif path == "/build":
            self._lines(_build(fake, query, body))
        elif path == "/images/json":
            self._json(_listed(fake, json.loads(query.get("filters", "{}"))))
        elif path == "/images/create":
            self._create(fake, query)
        elif (found := re.fullmatch(r"/images/(.+)/json", path)) is not None:
            self._image(fake.find(found[1]))
        elif self.command == "DELETE" and path.startswith("/images/"):
            fake.removed.append(path.removeprefix("/images/"))
            self._json([])
        elif path == "/containers/json":
            self._json(fake.found)
        elif path == "/containers/create":
            image = fake.find(json.loads(body)["Image"])
            assert image is not None
            fake.made += 1
            name = f"c{fake.made}"
            fake.containers[name] = image
            self._json({"Id": name, "Warnings": []}, 201)
        elif (found := re.fullmatch(r"/containers/(\w+)/archive", path)) is not None:
            self._archive(fake.containers[found[1]], query["path"])
        elif self.command == "DELETE":
            fake.removed.append(path.rpartition("/")[2])
            fake.containers.pop(fake.removed[-1], None)
            self._answer(b"", "text/plain", 204)
        else:
            self._json({"message": f"the fake does not know {self.command} {path}"}, 501)

    def _create(self, fake: DockerServer, query: Mapping[str, str]) -> None:
        if "fromSrc" in query:
            name = f"{query['repo']}:{query['tag']}"
            fake.imported.append(name)
            fake.add(name, 0x1000 + len(fake.imported))
            self._json({"status": "sha256:1"})
            return
        sign = "@" if query.get("tag", "").startswith("sha256:") else ":"
        name = f"{query['fromImage']}{sign}{query['tag']}"
        if isinstance(fake.registry, str):
            self._json({"message": fake.registry}, 500)
        elif name not in fake.registry:
            self._json({"message": f"manifest for {name} not found"}, 404)
        else:
            fake.images[name] = fake.registry[name]
            self._lines([{"status": "Status: Downloaded newer image"}])

    def _image(self, image: FakeImage | None) -> None:
        if image is None:
            self._json({"message": "No such image"}, 404)
            return
        self._json(
            {
                "Id": image.id,
                "Os": "linux",
                "Architecture": image.architecture,
                "RepoDigests": list(image.digests),
                "Created": "2026-01-02T03:04:05.678Z",
                "Size": 45_000_000,
                "Config": {"Labels": dict(image.labels)},
            }
        )

    def _archive(self, image: FakeImage, path: str) -> None:
        content = image.files.get(path)
        if content is None:
            self._json({"message": f"Could not find the file {path}"}, 404)
            return
        made = io.BytesIO()
        with tarfile.open(fileobj=made, mode="w") as tar:
            entry = tarfile.TarInfo(path.rpartition("/")[2])
            if isinstance(content, str):
                entry.type, entry.linkname = tarfile.SYMTYPE, content
                tar.addfile(entry)
            else:
                entry.size = len(content)
                tar.addfile(entry, io.BytesIO(content))
        # {} in base64: what the daemon tells of the file.
        self._answer(
            made.getvalue(), "application/x-tar", 200, {"X-Docker-Container-Path-Stat": "e30="}
        )

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") == "chunked":
            parts = []
            while size := int(self.rfile.readline(), 16):
                parts.append(self.rfile.read(size))
                self.rfile.readline()
            self.rfile.readline()
            return b"".join(parts)
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def _json(self, value: object, status: int = 200) -> None:
        self._answer(json.dumps(value).encode(), "application/json", status)

    def _lines(self, values: list[dict[str, Any]]) -> None:
        """Each in a chunk of its own, as a daemon tells what it is doing."""
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for line in (*(f"{json.dumps(value)}\r\n".encode() for value in values), b""):
            self.wfile.write(b"%x\r\n%s\r\n" % (len(line), line))

    def _answer(
        self, content: bytes, kind: str, status: int, more: Mapping[str, str] | None = None
    ) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        for name, value in (more or {}).items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)


def _build(fake: DockerServer, query: Mapping[str, str], body: bytes) -> list[dict[str, Any]]:
    with tarfile.open(fileobj=io.BytesIO(body)) as tar:
        entries = {entry.name: tar.extractfile(entry) for entry in tar}
        files = {name: file.read() if file else b"" for name, file in entries.items()}
    built = Built(
        query["t"],
        query.get("networkmode", ""),
        json.loads(query.get("buildargs", "{}")),
        files,
    )
    fake.builds.append(built)
    lines = fake.answers.pop(0) if fake.answers else [{"stream": "Step 1/1 : FROM scratch\n"}]
    if not any("error" in line for line in lines):
        number = 0x2000 + len(fake.builds)
        labels = dict(re.findall(r'"([^"]+)"="((?:[^"\\]|\\.)*)"', files["Dockerfile"].decode()))
        fake.add(built.name, number, labels=labels)
        lines = [*lines, {"aux": {"ID": image_id(number)}}]
    return lines


def _listed(fake: DockerServer, filters: Mapping[str, list[str]]) -> list[dict[str, Any]]:
    if "dangling" in filters:
        return []
    wanted = [label.partition("=")[::2] for label in filters.get("label", [])]
    return [
        {"Id": image.id, "Created": image.created}
        for image in fake.images.values()
        if all(image.labels.get(key) == value for key, value in wanted)
    ]

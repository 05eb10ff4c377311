"""A FAKE Docker daemon: the Engine API on a unix socket, with what a test says is there.

It answers version, info, lists, inspection and removal as the real one does (Docker Engine API
1.41), and goes wrong where it is told to. It runs nothing.
"""

from __future__ import annotations

import contextlib
import json
import re
import socketserver
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

Answer = tuple[int, Any]
NO_SPACE = (500, {"message": "write /var/lib/docker/tmp/x: no space left on device"})
IMAGE = {
    "Id": "sha256:" + "1" * 64,
    "RepoDigests": [],
    "Os": "linux",
    "Architecture": "amd64",
    "Config": {"Env": ["PATH=/opt/bin:/bin", "COLOUR=red"], "User": "1234"},
}


@dataclass
class FakeDaemon:
    """What there is, what was asked, and what goes wrong."""

    socket: Path
    containers: dict[str, dict[str, str]] = field(default_factory=dict)
    """Labels by id; all are said to have ended."""
    volumes: dict[str, dict[str, str]] = field(default_factory=dict)
    networks: dict[str, dict[str, str]] = field(default_factory=dict)
    images: dict[str, dict[str, Any]] = field(default_factory=dict)
    running: set[str] = field(default_factory=set)
    """Containers that run."""
    wrong: dict[str, Answer | Callable[[], Answer]] = field(default_factory=dict)
    """Answers instead of the usual ones, by ``METHOD /path`` (a regular expression)."""
    pull: tuple[dict[str, Any], ...] = ()
    """The lines of a pull."""
    pulled: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Images that are there when it was told to its end."""
    asked: list[str] = field(default_factory=list)

    @property
    def environment(self) -> dict[str, str]:
        return {"DOCKER_HOST": f"unix://{self.socket}"}

    def answer(self, method: str, path: str, query: dict[str, list[str]]) -> Answer:
        self.asked.append(f"{method} {path}")
        for pattern, answer in self.wrong.items():
            if re.fullmatch(pattern, f"{method} {path}"):
                return answer() if callable(answer) else answer
        kind, _, name = path.strip("/").partition("/")
        if method == "DELETE":
            return self._delete(kind, unquote(name))
        if kind == "images":
            return self._image(unquote(name).removesuffix("/json"))
        return self._list(kind, name, query)

    def _image(self, name: str) -> Answer:
        if name == "create":
            self.images.update(self.pulled)
            return 200, self.pull
        if name in self.images:
            return 200, self.images[name]
        return 404, {"message": f"No such image: {name}"}

    def _list(self, kind: str, name: str, query: dict[str, list[str]]) -> Answer:
        wanted = [
            label
            for each in query.get("filters", [])
            for label in json.loads(each).get("label", [])
        ]
        match (kind, name):
            case ("version", _):
                return 200, {"ApiVersion": "1.41", "Version": "fake"}
            case ("info", _):
                return 200, {"MemTotal": 1 << 30}
            case ("containers", "json"):
                return 200, [
                    {
                        "Id": key,
                        "Names": [f"/{key}"],
                        "State": "running" if key in self.running else "exited",
                        "Labels": labels,
                    }
                    for key, labels in _selected(self.containers, wanted)
                ]
            case ("volumes", ""):
                found = _selected(self.volumes, wanted)
                return 200, {"Volumes": [{"Name": k, "Labels": v} for k, v in found] or None}
            case ("networks", ""):
                found = _selected(self.networks, wanted)
                return 200, [{"Id": k, "Name": k, "Labels": v} for k, v in found]
            case _:
                return 404, {"message": f"page not found: {name}"}

    def _delete(self, kind: str, name: str) -> Answer:
        there: dict[str, Any] = getattr(self, kind)
        if name not in there:
            return 404, {"message": f"No such thing: {name}"}
        if kind == "volumes" and self.containers:
            return 409, {"message": f"remove {name}: volume is in use"}
        del there[name]
        return (200, []) if kind == "images" else (204, None)


def _selected(
    found: dict[str, dict[str, str]], wanted: list[str]
) -> list[tuple[str, dict[str, str]]]:
    def has(labels: dict[str, str], label: str) -> bool:
        key, sign, value = label.partition("=")
        return key in labels and (not sign or labels[key] == value)

    return [(k, labels) for k, labels in list(found.items()) if all(has(labels, w) for w in wanted)]


@contextlib.contextmanager
def serving(folder: Path) -> Iterator[FakeDaemon]:
    """One that answers until the end."""
    daemon = FakeDaemon(folder / "docker.sock")

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            path = re.sub(r"^/v[0-9.]+", "", parts.path)
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            status, body = daemon.answer(self.command, path, parse_qs(parts.query))
            if isinstance(body, tuple):
                self._tell_line_by_line(body)
                return
            data = b"" if body is None else json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_POST = do_DELETE = do_GET  # noqa: N815  # as http.server names them

        def _tell_line_by_line(self, lines: tuple[dict[str, Any], ...]) -> None:
            self.send_response(200)
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            for line in lines:
                data = json.dumps(line).encode() + b"\r\n"
                self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
            self.wfile.write(b"0\r\n\r\n")

        def address_string(self) -> str:
            return "unix"

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    class Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
        daemon_threads = True

    with Server(str(daemon.socket), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield daemon
        finally:
            server.shutdown()
            thread.join()

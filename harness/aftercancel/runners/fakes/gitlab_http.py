"""The web server of the fake GitLab: routes, limits and refusals, no GitLab in it (``gitlab``)."""

from __future__ import annotations

import contextlib
import json
import re
import select
import socket
from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple, TypeAlias

_JSON_LIMIT = 1 << 18
_LINGER_S = 0.5
_LINGER_PARTS = 256


class Answer(NamedTuple):
    """What the fake answers."""

    status: HTTPStatus
    body: Any = None
    headers: Mapping[str, str] = {}


class Refusal(Exception):
    """A request that is not taken."""

    def __init__(self, status: HTTPStatus, words: str, **headers: str) -> None:
        self.answer = Answer(
            status,
            {"message": f"{int(status)} {status.phrase} - {words}"},
            {name.replace("_", "-"): value for name, value in headers.items()},
        )
        super().__init__(words)


Route: TypeAlias = tuple[str, str, Callable[..., Answer]]
"""Method, pattern of the path below /api/v4, and who answers: called with the request and the
pattern's groups."""


def hung_up(connection: socket.socket) -> bool:
    """Whether the other end has closed it: a client that waits for its answer sends nothing."""
    poll = select.poll()
    try:
        poll.register(connection, select.POLLIN)
        return bool(poll.poll(0)) and not connection.recv(1, socket.MSG_PEEK)
    except (OSError, ValueError):  # reset, or closed by ourselves
        return True


class Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    allow_reuse_address = False

    def __init__(self, address: tuple[str, int], routes: Sequence[Route]) -> None:
        self.routes = routes
        super().__init__(address, Request)

    def server_bind(self) -> None:
        """Without the parent's look-up of its own name, which asks a name server."""
        self.socket.bind(self.server_address)
        self.server_name, self.server_port = self.server_address = self.socket.getsockname()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A runner that has gone in the middle of a request is no event here."""


class Request(BaseHTTPRequestHandler):
    """One request of the runner's to the fake."""

    server: Server
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    undo: list[Callable[[], None]]
    """What to do where the answer cannot be delivered."""

    def _serve(self) -> None:
        self.undo = []
        self._read = False
        try:
            answer = self._find()
        except Refusal as refusal:
            answer = refusal.answer
        try:
            self._send(answer)
        except OSError:
            self.close_connection = True
            for undo in self.undo:
                undo()

    # The names are those of http.server.
    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = _serve  # noqa: N815

    def _find(self) -> Answer:
        path = self.path.partition("?")[0]
        allowed = []
        for method, pattern, action in self.server.routes:
            found = re.fullmatch(f"/api/v4/{pattern}", path, re.ASCII)
            if found is not None and method == self.command:
                return action(self, *found.groups())
            if found is not None:
                allowed.append(method)
        if allowed:
            words = f"{self.command} is not allowed here"
            raise Refusal(HTTPStatus.METHOD_NOT_ALLOWED, words, Allow=", ".join(allowed))
        raise Refusal(HTTPStatus.NOT_FOUND, f"the fake has no {path}")

    def header(self, name: str) -> str | None:
        return self.headers.get(name)

    def body(self, limit: int) -> bytes:
        length = self.headers.get("Content-Length", "")
        if not re.fullmatch(r"\d{1,12}", length, re.ASCII):
            raise Refusal(HTTPStatus.LENGTH_REQUIRED, "no Content-Length")
        if int(length) > limit:
            raise Refusal(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"more than {limit} bytes")
        data = self.rfile.read(int(length))
        self._read = True
        if len(data) < int(length):
            raise Refusal(HTTPStatus.BAD_REQUEST, "the body is cut short")
        return data

    def json(self) -> dict[str, Any]:
        try:
            document = json.loads(self.body(_JSON_LIMIT))
        except ValueError:
            raise Refusal(HTTPStatus.BAD_REQUEST, "the body is no JSON") from None
        if not isinstance(document, dict):
            raise Refusal(HTTPStatus.BAD_REQUEST, "the body is no JSON object")
        return document

    def _send(self, answer: Answer) -> None:
        unread = not self._read and self.headers.get("Content-Length", "0") != "0"
        empty = answer.status is HTTPStatus.NO_CONTENT
        body = b"" if empty else json.dumps(answer.body).encode()
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        if unread:  # it would be taken for the next request
            self.close_connection = True
            self.send_header("Connection", "close")
        if not empty:
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
        if unread:
            self._linger()

    def _linger(self) -> None:
        """Let who sends a body that nobody wants come to its end, or it never reads the answer."""
        self.connection.settimeout(_LINGER_S)
        with contextlib.suppress(OSError):
            for _ in range(_LINGER_PARTS):
                if not self.rfile.read1(1 << 16):
                    return

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # the parent's name
        """Nothing: what matters is told to the listener."""

    def handle(self) -> None:
        """Until the connection ends, however it does."""
        with contextlib.suppress(ConnectionError):
            super().handle()

"""A fake Buildkite: as much of its agent API as a job needs, for one agent, on 127.0.0.1.

Not Buildkite, and nothing that it answers is a finding about Buildkite. It answers what the agent
asks (github.com/buildkite/agent, api/*.go, v3.62.0 and v3.137.0):

- ``POST /register`` with the registration token: who the agent is, its access token, its intervals.
- ``POST /connect``, ``/heartbeat``, ``/disconnect`` with the access token.
- ``GET /ping``: a job, or none.
- ``PUT /jobs/ID/accept``, ``/start``, ``/finish``; ``POST /jobs/ID/chunks`` (the log, compressed by
  gzip), ``/header_times``; ``GET /jobs/ID``: its state.

An agent asks for work, and whether its job is cancelled, once a second at most: the intervals are
whole seconds. So that it hears of both at once, ``/ping`` and ``GET /jobs/ID`` are held open while
there is nothing new, and answered after ``HOLD_S`` at the latest.
"""

from __future__ import annotations

import contextlib
import json
import re
import secrets
import select
import socket
import threading
import time
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlsplit

from aftercancel.errors import RunnerError
from aftercancel.runners.fakes.buildkite_jobs import Job, Jobs, Listener, State

HOLD_S = 20.0
"""How long a request is held open; the agent's own limit is 60 s (api/client.go)."""
_LOOK_S = 0.25
"""How often it is looked whether an agent that waits has hung up."""
_BODY_LIMIT = 1 << 20
_CHUNK_LIMIT = 1 << 22
"""A chunk of the log, decompressed; the agent is told to make none above ``_CHUNK``."""
_CHUNK = 100_000
_HEARTBEAT_S = 60
"""Seldom: an agent at rest should rest."""
_STEPS = {"accept": State.ACCEPTED, "start": State.RUNNING}


@dataclass(frozen=True, slots=True)
class _Answer:
    status: HTTPStatus
    body: Mapping[str, Any] | None = None


class _Refusal(Exception):
    """A request that is not taken."""

    def __init__(self, status: HTTPStatus, words: str) -> None:
        self.answer = _Answer(status, {"message": words})
        super().__init__(words)


class FakeBuildkite:
    """The fake server; ``start`` before use, ``stop`` may be called twice."""

    def __init__(self, listener: Listener) -> None:
        self.jobs = Jobs(listener)
        self.token = secrets.token_hex(20)
        """What an agent registers with."""
        self.refused: list[str] = []
        """What was asked that the fake does not have, with the status that it answered."""
        self.agent: str | None = None
        """The access token of the agent that registered last; the ones before it are gone."""
        self._asking = 0
        self._closing = False
        self._server: _Server | None = None

    def start(self) -> None:
        try:
            self._server = _Server(self)
        except OSError as error:
            raise RunnerError(f"The fake Buildkite cannot listen on 127.0.0.1: {error}.") from None
        threading.Thread(
            target=self._server.serve_forever, args=(0.05,), name="fake-buildkite", daemon=True
        ).start()

    def stop(self) -> None:
        self.release()
        server, self._server = self._server, None
        if server is not None:
            server.shutdown()
            server.server_close()

    def release(self) -> None:
        """Answer everybody who waits, and hold nothing open from now on."""
        with self.jobs.changed:
            self._closing = True
            self.jobs.changed.notify_all()

    @property
    def url(self) -> str:
        assert self._server is not None, "the fake is not started"
        return f"http://127.0.0.1:{self._server.server_address[1]}/v3"

    def asked_for_work(self) -> bool:
        """Whether the agent waits for a job at this moment."""
        with self.jobs.changed:
            return self._asking > 0

    # -- what is asked; each in its request's thread

    def register(self, name: str) -> _Answer:
        gone = self.agent
        with self.jobs.changed:
            self.agent = secrets.token_hex(20)
        if gone is not None:
            self.jobs.lost(gone)
        body = {
            "id": "00000000-0000-4000-9000-000000000001",
            "name": name,
            "access_token": self.agent,
            "endpoint": self.url,
            # Whole seconds; at 0 the agent's ticker panics (time.NewTicker).
            "ping_interval": 1,
            "job_status_interval": 1,
            "heartbeat_interval": _HEARTBEAT_S,
            "meta_data": [],
        }
        return _Answer(HTTPStatus.OK, body)

    def ping(self, agent: str, there: Callable[[], bool]) -> _Answer:
        """A job as soon as there is one; ``there``: whether the agent still listens."""
        found: list[Job] = []

        def work() -> bool:
            job = self.jobs.assign(agent) if agent == self.agent and there() else None
            found.extend([] if job is None else [job])
            return bool(found) or agent != self.agent

        with self.jobs.changed:
            self._asking += 1
        try:
            self._hold(work, there)
        finally:
            with self.jobs.changed:
                self._asking -= 1
        body = {"action": "idle"} if not found else {"job": _told(found[0])}
        return _Answer(HTTPStatus.OK, body)

    def state(self, job: Job, there: Callable[[], bool]) -> _Answer:
        """Its state, as soon as it is another than running."""
        quiet = (State.ASSIGNED, State.ACCEPTED, State.RUNNING)
        self._hold(lambda: job.state not in quiet, there)
        return _Answer(HTTPStatus.OK, {"id": job.id, "state": job.state})

    def _hold(self, answerable: Callable[[], bool], there: Callable[[], bool]) -> None:
        until = time.monotonic() + HOLD_S
        with self.jobs.changed:
            while not answerable() and not self._closing and there():
                left = until - time.monotonic()
                if left <= 0:
                    return
                self.jobs.changed.wait(min(left, _LOOK_S))

    def step(self, job: Job, step: str, body: Mapping[str, Any]) -> _Answer:
        if step == "finish":
            words = (str(body.get(n) or "") for n in ("exit_status", "signal", "signal_reason"))
            if not self.jobs.finish(job, *words):
                raise _Refusal(HTTPStatus.UNPROCESSABLE_ENTITY, f"the job is {job.state}")
            return _Answer(HTTPStatus.OK, {})
        if job.state.over:
            raise _Refusal(HTTPStatus.UNPROCESSABLE_ENTITY, f"the job is {job.state}")
        self.jobs.move(job, _STEPS[step])
        return _Answer(HTTPStatus.OK, _told(job) if step == "accept" else {})


def _told(job: Job) -> dict[str, Any]:
    """A job as the agent reads it (api/jobs.go, ``Job``)."""
    return {
        "id": job.id,
        "state": job.state,
        "env": dict(job.env),
        "step": {"command": job.env.get("BUILDKITE_COMMAND", "")},
        "chunks_max_size_bytes": _CHUNK,
        "chunks_interval_seconds": 1,
        "log_max_size_bytes": 1 << 24,
    }


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, fake: FakeBuildkite) -> None:
        self.fake = fake
        super().__init__(("127.0.0.1", 0), _Handler)

    def server_bind(self) -> None:
        """Without asking for the host's name, which can take long where there is no network."""
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = "127.0.0.1", self.server_address[1]

    def handle_error(self, request: Any, client_address: Any) -> None:
        """An agent that hung up or was killed is no error here."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # headers and body are two writes
    server: _Server
    timeout = 120.0

    def do_GET(self) -> None:
        self._do("GET")

    def do_POST(self) -> None:
        self._do("POST")

    def do_PUT(self) -> None:
        self._do("PUT")

    def do_DELETE(self) -> None:
        self._do("DELETE")

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # the base's own name
        """Nothing: what matters is told to the listener."""

    def _do(self, method: str) -> None:
        try:
            answer = self._answer(method)
        except _Refusal as refusal:
            answer = refusal.answer
            self.server.fake.refused.append(f"{method} {self.path}: {int(answer.status)}")
            # What was not read of the body must not be taken for the next request.
            self.close_connection = True
        body = b"" if answer.body is None else json.dumps(answer.body).encode()
        with contextlib.suppress(OSError):
            self.send_response(answer.status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            if self.close_connection:
                self.send_header("Connection", "close")
            self.end_headers()
            self.wfile.write(body)

    def _answer(self, method: str) -> _Answer:
        path = urlsplit(self.path).path
        for known, methods in self._routes.items():
            match = known.fullmatch(path)
            if match is None:
                continue
            if method not in methods:
                raise _Refusal(HTTPStatus.METHOD_NOT_ALLOWED, f"{path} is not for {method}")
            return methods[method](self, *match.groups())
        raise _Refusal(HTTPStatus.NOT_FOUND, f"there is no {path}")

    # -- the paths

    def _register(self) -> _Answer:
        self._require(self.server.fake.token)
        name = self._json().get("name")
        if not isinstance(name, str) or not name:
            raise _Refusal(HTTPStatus.UNPROCESSABLE_ENTITY, "an agent has a name")
        return self.server.fake.register(name)

    def _greet(self) -> _Answer:
        self._agent()
        self._body()
        return _Answer(HTTPStatus.OK, {})

    def _heartbeat(self) -> _Answer:
        self._agent()
        sent = self._json().get("sent_at")
        return _Answer(HTTPStatus.OK, {"sent_at": sent, "received_at": sent})

    def _ping(self) -> _Answer:
        return self.server.fake.ping(self._agent(), self._there)

    def _state(self, name: str) -> _Answer:
        return self.server.fake.state(self._job(name), self._there)

    def _step(self, name: str, step: str) -> _Answer:
        return self.server.fake.step(self._job(name), step, self._json())

    def _chunk(self, name: str) -> _Answer:
        job, packed = self._job(name), self._body()
        number = parse_qs(urlsplit(self.path).query).get("sequence", [""])[0]
        if not number.isdecimal():
            raise _Refusal(HTTPStatus.UNPROCESSABLE_ENTITY, "a chunk has a sequence number")
        unpack = zlib.decompressobj(wbits=31)  # gzip, by zlib's manual (inflateInit2)
        try:
            data = unpack.decompress(packed, _CHUNK_LIMIT)
        except zlib.error as error:
            raise _Refusal(HTTPStatus.UNPROCESSABLE_ENTITY, f"no gzip: {error}") from None
        if unpack.unconsumed_tail:
            raise _Refusal(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "the chunk is too large")
        self.server.fake.jobs.append(job, int(number), data)
        return _Answer(HTTPStatus.CREATED, {})

    def _header_times(self, name: str) -> _Answer:
        self._job(name)
        self._body()
        return _Answer(HTTPStatus.OK, {})

    _routes: ClassVar[Mapping[re.Pattern[str], Mapping[str, Callable[..., _Answer]]]] = {
        re.compile(r"/v3/register"): {"POST": _register},
        re.compile(r"/v3/(?:connect|disconnect)"): {"POST": _greet},
        re.compile(r"/v3/heartbeat"): {"POST": _heartbeat},
        re.compile(r"/v3/ping"): {"GET": _ping},
        re.compile(r"/v3/jobs/([\w-]+)"): {"GET": _state},
        re.compile(r"/v3/jobs/([\w-]+)/(accept|start|finish)"): {"PUT": _step},
        re.compile(r"/v3/jobs/([\w-]+)/chunks"): {"POST": _chunk},
        re.compile(r"/v3/jobs/([\w-]+)/header_times"): {"POST": _header_times},
    }

    # -- what a request is made of

    def _require(self, token: str | None) -> None:
        said = self.headers.get("Authorization", "")
        if token is None or not secrets.compare_digest(said.encode(), f"Token {token}".encode()):
            raise _Refusal(HTTPStatus.UNAUTHORIZED, "the token is not the right one")

    def _agent(self) -> str:
        token = self.server.fake.agent
        self._require(token)
        assert token is not None
        return token

    def _job(self, name: str) -> Job:
        agent = self._agent()
        job = self.server.fake.jobs.get(name)
        if job is None or job.agent != agent:
            raise _Refusal(HTTPStatus.NOT_FOUND, f"no job {name} is this agent's")
        return job

    def _body(self) -> bytes:
        said = self.headers.get("Content-Length", "0")
        if not said.isdecimal() or "Transfer-Encoding" in self.headers:
            raise _Refusal(HTTPStatus.LENGTH_REQUIRED, "a body has a Content-Length")
        if int(said) > _BODY_LIMIT:
            raise _Refusal(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "the body is too large")
        return self.rfile.read(int(said))

    def _json(self) -> dict[str, Any]:
        text = self._body()
        try:
            body = json.loads(text or b"{}")
        except ValueError:
            body = None
        if not isinstance(body, dict):
            raise _Refusal(HTTPStatus.BAD_REQUEST, "the body is no JSON object")
        return body

    def _there(self) -> bool:
        """Whether the agent still waits for the answer: its end of the connection is open."""
        # Not recv alone: with a timeout set it would wait, whatever its flags say.
        poll = select.poll()
        try:
            poll.register(self.connection, select.POLLIN)
            return not poll.poll(0) or bool(self.connection.recv(1, socket.MSG_PEEK))
        except (OSError, ValueError):
            return False

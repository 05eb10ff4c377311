"""A fake Jenkins: it answers as one, and runs nothing.

It is ours and knows only what the adapter asks for. What it answers follows the sources of Jenkins
where one is named beside the answer, else the description of its remote access API; nothing of it
was recorded. Hudson 3.3.2's differing answers (``hudson=True``) are as that server gave them. A job ends when it is aborted, or as ``end`` says.
"""

from __future__ import annotations

import base64
import json
import re
import threading
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

BODY_LIMIT = 1 << 20
CRUMB_FIELD = "Jenkins-Crumb"
_LOG = "Started by user lab\r\n+ echo works\r\nworks\r\n"


@dataclass
class Build:
    """The only build of a job."""

    item: int
    parameters: dict[str, str]
    waits: bool
    result: str | None = None
    log: str = _LOG


@dataclass
class FakeJenkins:
    """A server on 127.0.0.1 while it is entered."""

    user: str = "lab"
    token: str = "the-token"  # noqa: S105  # of a fake
    secured: bool = True
    """Whether it wants the user and the token."""
    crumbs: bool = True
    """Whether it wants a crumb with each POST."""
    hudson: bool = False
    executors: int = 1
    nonsense: bool = False
    """Answer every question for JSON with something else."""
    jobs: dict[str, str] = field(default_factory=dict)
    """Names and their config.xml."""
    builds: dict[str, Build] = field(default_factory=dict)
    plugins: tuple[str, ...] = ()
    lock: threading.RLock = field(default_factory=threading.RLock)
    crumb: str = "crumb-1"
    _server: ThreadingHTTPServer = field(init=False)

    def __enter__(self) -> Self:
        handler = type("Handler", (_Handler,), {"jenkins": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *error: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def begin(self, job: str) -> None:
        """Let a waiting build begin, whatever the executors do."""
        with self.lock:
            self.builds[job].waits = False

    def end(self, job: str, result: str) -> None:
        """Let a build end; the ones that wait move up."""
        with self.lock:
            build = self.builds[job]
            build.result = result
            build.log += f"Finished: {result}\r\n"
            for other in self.builds.values():
                if other.waits and self.busy() < self.executors:
                    other.waits = False

    def busy(self) -> int:
        return sum(1 for b in self.builds.values() if not b.waits and b.result is None)

    def queue_item_of(self, number: int) -> tuple[str, Build] | None:
        return next(((j, b) for j, b in self.builds.items() if b.item == number), None)


class _Handler(BaseHTTPRequestHandler):
    jenkins: FakeJenkins
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the base class's
        """Say nothing."""

    def do_GET(self) -> None:
        if self._let_in():
            with self.jenkins.lock:
                self._answer_get(urlsplit(self.path).path, parse_qs(urlsplit(self.path).query))

    def do_POST(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        if length > BODY_LIMIT:
            self.close_connection = True
            self._page(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "Too large")
            return
        body = self.rfile.read(length)
        if not self._let_in():
            return
        if self.jenkins.crumbs and self.headers.get(CRUMB_FIELD) != self.jenkins.crumb:
            # hudson/security/csrf/CrumbFilter.java doFilter
            self._page(HTTPStatus.FORBIDDEN, "No valid crumb was included in the request")
            return
        with self.jenkins.lock:
            self._answer_post(urlsplit(self.path).path, parse_qs(urlsplit(self.path).query), body)

    def _let_in(self) -> bool:
        """Basic authentication with an API token (jenkins/security/BasicHeaderProcessor.java)."""
        jenkins = self.jenkins
        login = base64.b64encode(f"{jenkins.user}:{jenkins.token}".encode()).decode()
        given = self.headers.get("Authorization")
        if given is not None and given != f"Basic {login}":
            self._page(HTTPStatus.UNAUTHORIZED, "Invalid password/token for user")
            return False
        if jenkins.secured and given is None:
            self._page(HTTPStatus.FORBIDDEN, "Authentication required")
            return False
        return True

    # -- answers

    def _answer_get(self, path: str, query: dict[str, list[str]]) -> None:
        known = self._of_the_server(path)
        if known is not None:
            self._json(*known)
        elif path == "/" and self.jenkins.hudson:
            self._send(HTTPStatus.OK, b"<html></html>", {"X-Hudson": "3.3.2"})
        elif (
            found := re.fullmatch(r"/queue/item/(\d+)/api/json", path)
        ) and not self.jenkins.hudson:
            self._queue_item(int(found[1]))
        elif found := re.fullmatch(r"/job/([^/]+)/api/json", path):
            self._job(found[1])
        elif found := re.fullmatch(r"/job/([^/]+)/1/(api/json|logText/progressiveText)", path):
            self._build(found[1], found[2], int(query.get("start", ["0"])[0]))
        elif re.fullmatch(r"/createItem|/job/[^/]+/(build\w*|doDelete|1/stop)", path):
            self._page(HTTPStatus.METHOD_NOT_ALLOWED, "POST required")  # RequirePOST
        else:
            self._page(HTTPStatus.NOT_FOUND, "Not Found")

    def _of_the_server(self, path: str) -> tuple[dict[str, Any], dict[str, str]] | None:
        jenkins = self.jenkins
        match path:
            case "/api/json":
                return {"mode": "NORMAL"}, {}
            case "/crumbIssuer/api/json" if jenkins.crumbs:
                # the crumb belongs to the session
                crumb = {"crumb": jenkins.crumb, "crumbRequestField": CRUMB_FIELD}
                return crumb, {"Set-Cookie": "JSESSIONID.1=abc; Path=/; HttpOnly"}
            case "/computer/api/json":
                return {"busyExecutors": jenkins.busy(), "totalExecutors": jenkins.executors}, {}
            case "/pluginManager/api/json":
                names = ({"shortName": n, "version": "1", "active": True} for n in jenkins.plugins)
                return {"plugins": list(names)}, {}
            case "/queue/api/json":
                waiting = ((j, b) for j, b in jenkins.builds.items() if b.waits)
                return {"items": [{"id": b.item, "task": {"name": j}} for j, b in waiting]}, {}
            case _:
                return None

    def _answer_post(self, path: str, query: dict[str, list[str]], body: bytes) -> None:
        jenkins = self.jenkins
        found = re.fullmatch(r"/job/([^/]+)/(build|buildWithParameters|doDelete|1/stop)", path)
        if path == "/createItem":
            self._create(query.get("name", [""])[0], body)
        elif found is None or found[1] not in jenkins.jobs:
            self._page(HTTPStatus.NOT_FOUND, "Not Found")
        elif found[2] == "doDelete":
            del jenkins.jobs[found[1]]
            jenkins.builds.pop(found[1], None)
            self._redirect("/")
        elif found[2] == "1/stop":
            self._stop(found[1])
        else:
            self._start(found[1], found[2], body)

    def _create(self, name: str, body: bytes) -> None:
        """hudson/model/ItemGroupMixIn.java createTopLevelItem"""
        if name in self.jenkins.jobs:
            words = f"A job already exists with the name ‘{name}’"
            self._page(HTTPStatus.BAD_REQUEST, words)
        elif "xml" not in self.headers.get("Content-Type", ""):
            self._page(HTTPStatus.BAD_REQUEST, "No Content-Type header set")
        elif b"<project>" not in body and b"<flow-definition" not in body:
            self._page(HTTPStatus.INTERNAL_SERVER_ERROR, "Oops")
        else:
            self.jenkins.jobs[name] = body.decode()
            self._send(HTTPStatus.OK, b"")

    def _start(self, job: str, way: str, body: bytes) -> None:
        """jenkins/model/ParameterizedJobMixIn.java doBuild, doBuildWithParameters"""
        jenkins = self.jenkins
        declared = "ParametersDefinitionProperty" in jenkins.jobs[job]
        if declared and way == "build":  # StaplerRequest.getSubmittedForm
            self._page(HTTPStatus.BAD_REQUEST, "This page expects a form submission")
            return
        if not declared and way == "buildWithParameters":
            self._page(HTTPStatus.INTERNAL_SERVER_ERROR, "This build is not parameterized!")
            return
        parameters = {name: values[0] for name, values in parse_qs(body.decode()).items()}
        item = len(jenkins.builds) + 1
        waits = jenkins.busy() >= jenkins.executors
        jenkins.builds[job] = Build(item, parameters, waits)
        if jenkins.hudson:
            self._redirect(f"/job/{job}/")
        else:
            self._redirect(f"/queue/item/{item}/", HTTPStatus.CREATED)

    def _stop(self, job: str) -> None:
        """A build that is over stays as it is."""
        if job not in self.jenkins.builds:
            self._page(HTTPStatus.NOT_FOUND, "Not Found")
            return
        if self.jenkins.builds[job].result is None:
            self.jenkins.end(job, "ABORTED")
        self._redirect(f"/job/{job}/1/")

    def _queue_item(self, number: int) -> None:
        """``executable`` is there once it has left the queue."""
        found = self.jenkins.queue_item_of(number)
        if found is None:
            self._page(HTTPStatus.NOT_FOUND, "Not Found")
        elif found[1].waits:
            self._json({"id": number, "why": "Waiting for next available executor"})
        else:
            self._json({"id": number, "cancelled": False, "executable": {"number": 1}})

    def _job(self, job: str) -> None:
        if job not in self.jenkins.jobs:
            self._page(HTTPStatus.NOT_FOUND, "Not Found")
            return
        build = self.jenkins.builds.get(job)
        begun = build is not None and not build.waits
        self._json({"lastBuild": {"number": 1} if begun else None})

    def _build(self, job: str, what: str, start: int) -> None:
        build = self.jenkins.builds.get(job)
        if build is None or build.waits:
            self._page(HTTPStatus.NOT_FOUND, "Not Found")
        elif what == "api/json":
            self._json({"building": build.result is None, "result": build.result})
        else:
            # org/kohsuke/stapler/framework/io/LargeText.java doProgressText
            log = build.log.encode()
            more = {"X-More-Data": "true"} if build.result is None else {}
            self._send(HTTPStatus.OK, log[start:], {"X-Text-Size": str(len(log)), **more})

    # -- how it answers

    def _json(self, answer: dict[str, Any], headers: dict[str, str] | None = None) -> None:
        body = b"<html>soon</html>" if self.jenkins.nonsense else json.dumps(answer).encode()
        self._send(HTTPStatus.OK, body, headers)

    def _page(self, status: HTTPStatus, words: str) -> None:
        body = f"<html><h1>Error</h1><p>{words}</p></html>".encode()
        self._send(status, body, {"Content-Type": "text/html;charset=utf-8"})

    def _redirect(self, path: str, status: HTTPStatus = HTTPStatus.FOUND) -> None:
        self._send(status, b"", {"Location": self.jenkins.url + path})

    def _send(self, status: HTTPStatus, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        if not self.jenkins.hudson:
            self.send_header("X-Jenkins", "2.0-fake")  # hudson/model/Api.java setHeaders
            self.send_header("X-Hudson", "1.395")
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

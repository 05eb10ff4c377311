"""A fake of Semaphore UI, as a program: ``version``, ``user add``, ``server --config FILE``.

It is no Semaphore. It answers as 2.10.32 was recorded to answer, with the same statuses and fields,
and does with a task what that did: the queue is in memory, one task of a template at a time, SIGKILL
to the first process for a stop, *error* after a stop and *stopped* after one by force, a waiting
task that was stopped by force is run all the same, and a new start leaves *running* and *waiting* as
they were. Otherwise than there: the queue is looked at every 0.1 s and not every 5 s, the end of a
log is never lost, there is one project, and a body of more than 1 MiB is refused (413).
"""

from __future__ import annotations

import json
import re
import secrets
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from aftercancel.runners.fakes.semaphore_tasks import Refused, State, Tasks, now

VERSION = "v2.10.32-fake-0"
_TICK_S = 0.1
_BODY_LIMIT = 1 << 20
_MADE = {"repositories": 204, "environment": 204, "inventory": 201, "templates": 201, "keys": 204}
"""What a POST of one is answered with; only 201 comes with what was made."""


class Handler(BaseHTTPRequestHandler):
    """One request; the server has ``state`` and ``tasks``."""

    protocol_version = "HTTP/1.1"
    state: State
    tasks: Tasks

    def do_GET(self) -> None:
        self._serve("GET")

    def do_POST(self) -> None:
        self._serve("POST")

    def do_PUT(self) -> None:
        self._serve("PUT")

    def do_DELETE(self) -> None:
        self._serve("DELETE")

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the base class's name
        """Say nothing, as Semaphore."""

    def _serve(self, method: str) -> None:
        try:
            length = int(self.headers.get("Content-Length") or 0)
            if length > _BODY_LIMIT:
                self.close_connection = True
                raise Refused(413)
            body = self.rfile.read(length)
            status, answer = self._answer(method, self.path.removesuffix("/"), body)
            self._send(status, answer)
        except Refused as refused:
            words = str(refused)
            self._send(refused.status, {"error": words} if words else None)

    def _send(self, status: int, answer: object, cookie: str = "") -> None:
        text = isinstance(answer, str)
        content = answer.encode() if isinstance(answer, str) else json.dumps(answer).encode()
        content = b"" if answer is None else content
        self.send_response(status)
        self.send_header("Content-Type", "text/plain" if text else "application/json")
        if status != 204:
            self.send_header("Content-Length", str(len(content)))
        if status == 204 and self.path == "/api/auth/login":
            self.send_header("Set-Cookie", f"semaphore={self.state.tokens[0]}; Path=/")
        self.end_headers()
        self.wfile.write(content)

    def _answer(self, method: str, path: str, body: bytes) -> tuple[int, object]:
        if (method, path) == ("GET", "/api/ping"):
            return 200, "pong"
        if (method, path) == ("POST", "/api/auth/login"):
            login = _json(body)
            if self.state.users.get(str(login.get("auth"))) != login.get("password"):
                raise Refused(401)
            return 204, None
        bearer = self.headers.get("Authorization", "").removeprefix("Bearer ")
        cookie = self.headers.get("Cookie", "").removeprefix("semaphore=")
        if not {bearer, cookie} & set(self.state.tokens):
            raise Refused(401)
        for (verb, pattern), answer in _ROUTES.items():
            found = re.fullmatch(pattern, path)
            if found and verb == method:
                return answer(self, body, *found.groups())
        raise Refused(404)

    def info(self, _body: bytes) -> tuple[int, object]:
        return 200, {"ansible": "", "use_remote_runner": False, "version": VERSION, "web_host": ""}

    def token(self, _body: bytes) -> tuple[int, object]:
        token = secrets.token_urlsafe(32)
        self.state.tokens.append(token)
        self.state.save()
        return 201, {"id": token, "created": now(), "expired": False, "user_id": 1}

    def make_project(self, body: bytes) -> tuple[int, object]:
        made = self.state.add("projects", _json(body))
        self.state.add("keys", {"name": "None", "type": "none", "project_id": made["id"]})
        self.state.add("environment", {"name": "Empty", "json": "{}", "env": None})
        return 201, made

    def list_things(self, _body: bytes, project: str, kind: str) -> tuple[int, object]:
        self._project(project)
        return 200, [*self.state.all(kind).values()] or None

    def make_thing(self, body: bytes, project: str, kind: str) -> tuple[int, object]:
        self._project(project)
        fields = _json(body)
        if not fields.get("name"):
            raise Refused(400, f"{kind} name can not be empty")
        made = self.state.add(kind, fields)
        return _MADE[kind], made if _MADE[kind] == 201 else None

    def change_template(self, body: bytes, project: str, number: str) -> tuple[int, object]:
        self._project(project)
        fields = _json(body)
        if fields.get("project_id") != int(project):
            raise Refused(400, "You can not move template to other project")
        self.state.all("templates")[number] = fields
        self.state.save()
        return 204, None

    def make_task(self, body: bytes, project: str) -> tuple[int, object]:
        self._project(project)
        return 201, _shown(self.tasks.add(_json(body)))

    def list_tasks(self, _body: bytes, project: str) -> tuple[int, object]:
        self._project(project)
        newest = sorted(self.state.all("tasks").values(), key=lambda task: int(task["id"]))
        return 200, [_shown(task) for task in newest[:200]]

    def show_task(self, _body: bytes, project: str, number: str) -> tuple[int, object]:
        return 200, _shown(self._task(project, number))

    def show_log(self, _body: bytes, project: str, number: str) -> tuple[int, object]:
        return 200, [*self._task(project, number)["log"]]

    def stop_task(self, body: bytes, project: str, number: str) -> tuple[int, object]:
        task = self._task(project, number)
        self.tasks.stop(task, force=_json(body).get("force") is True)
        return 204, None

    def _project(self, number: str) -> None:
        if number not in self.state.all("projects"):
            raise Refused(404)

    def _task(self, project: str, number: str) -> dict[str, Any]:
        self._project(project)
        task = self.state.all("tasks").get(number)
        if task is None:
            raise Refused(400)
        return task


_P = r"/api/project/(\d+)"
_KINDS = "|".join(_MADE)
_ROUTES: dict[tuple[str, str], Callable[..., tuple[int, object]]] = {
    ("GET", "/api/info"): Handler.info,
    ("POST", "/api/user/tokens"): Handler.token,
    ("POST", "/api/projects"): Handler.make_project,
    ("GET", rf"{_P}/({_KINDS})"): Handler.list_things,
    ("POST", rf"{_P}/({_KINDS})"): Handler.make_thing,
    ("PUT", rf"{_P}/templates/(\d+)"): Handler.change_template,
    ("POST", rf"{_P}/tasks"): Handler.make_task,
    ("GET", rf"{_P}/tasks(?:/last)?"): Handler.list_tasks,
    ("GET", rf"{_P}/tasks/(\d+)"): Handler.show_task,
    ("GET", rf"{_P}/tasks/(\d+)/output"): Handler.show_log,
    ("POST", rf"{_P}/tasks/(\d+)/stop"): Handler.stop_task,
}


def _shown(task: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in task.items() if name not in {"template", "log"}}


def _json(body: bytes) -> dict[str, Any]:
    """As api/helpers/helpers.go, Bind: no body is no JSON."""
    try:
        read = json.loads(body)
    except ValueError:
        raise Refused(400) from None
    if not isinstance(read, dict):
        raise Refused(400)
    return read


def main(words: Sequence[str]) -> int:
    """The program."""
    if words[:1] == ["version"]:
        print(VERSION)
        return 0
    config = json.loads(Path(words[words.index("--config") + 1]).read_text())
    if config["dialect"] != "bolt":
        print(f"value of field 'Dialect' is not valid: {config['dialect']}", file=sys.stderr)
        return 1
    state = State(Path(config["bolt"]["host"]))
    if words[:2] == ["user", "add"]:
        state.users[words[words.index("--login") + 1]] = words[words.index("--password") + 1]
        state.tokens = [secrets.token_urlsafe(32)]
        state.save()
        return 0
    handler = type("Bound", (Handler,), {"state": state})
    tasks = Tasks(state, config["tmp_path"])
    handler.tasks = tasks  # type: ignore[attr-defined]  # made above, from Handler
    server = ThreadingHTTPServer((config["interface"], int(config["port"][1:])), handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print("Server is running", flush=True)
    while True:
        time.sleep(_TICK_S)
        tasks.tick()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

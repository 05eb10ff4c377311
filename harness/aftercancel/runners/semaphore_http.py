"""Semaphore's HTTP API as far as a job needs it: one connection, one task followed to its end.

Paths, fields and statuses are those of 2.10.32 (its api-docs.yml, api/router.go,
api/projects/tasks.go), tried against that server. Later versions, of which only sources were read,
have the same paths with more fields; what they answer beside is ignored.
"""

from __future__ import annotations

import contextlib

# The socket module encodes a host's name by this codec at the first connection, when nothing can
# be imported any more.
import encodings.idna  # noqa: F401
import http.client
import json
import re
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from aftercancel.errors import RunnerError
from aftercancel.model import End, Said
from aftercancel.runners.protocol import Tell

_ANSWER_S = 10.0
_ANSWER_LIMIT = 64 << 20
"""Bytes; a task's whole log is one answer."""
_POLL_S = 0.025
_WAITING_POLL_S = 0.05
"""For the up to 5 s until the server starts a task; each question costs about 2 ms of a core."""
_LOG_EVERY = 5
"""The log is fetched at every fifth poll while the task runs."""
_SETTLE_S = 0.02
"""2.10.32 writes each line of the log by a transaction of its own, 1 to 16 ms each on a disk, behind
the status (services/tasks/TaskPool.go, Run: case record := <-p.logger)."""
_SETTLE_LIMIT_S = 1.0
_LATE_S = 1.0
"""Later versions write a task's log every 500 ms (there: handleLogs)."""
_LATE_EVERY_S = 0.2

_OVER = {"success": Said.SUCCESS, "error": Said.FAILED, "stopped": Said.CANCELLED}
"""pkg/task_logger/status.go, TaskStatus.IsFinished, and what the page shows for each."""
_FAILED = re.compile(r"(?:Running app failed|Failed to run task): (.*)")
"""services/tasks/TaskRunner.go, run: the error of Go's exec.Cmd.Wait, in two versions' words."""
_GO_SIGNALS = {
    "hangup": "HUP",
    "interrupt": "INT",
    "quit": "QUIT",
    "aborted": "ABRT",
    "killed": "KILL",
    "segmentation fault": "SEGV",
    "broken pipe": "PIPE",
    "alarm clock": "ALRM",
    "terminated": "TERM",
    "user defined signal 1": "USR1",
    "user defined signal 2": "USR2",
}
"""Go's syscall.Signal.String on Linux."""


@dataclass(frozen=True, slots=True)
class SemaphoreTask:
    """A task as the server lists it."""

    number: int
    status: str
    started_s: float | None
    """By the clock on the wall, seconds since 1970."""
    ended: bool
    """The server has done with it; a task that is stopped by force is ``stopped`` before that."""

    @property
    def over(self) -> bool:
        """A job that ends well while it is being stopped stays *stopping*, with an end: ``run``
        turns only *running* into *success*.
        """
        return self.status in _OVER or (self.ended and self.status == "stopping")


class Api:
    """One connection to a server on 127.0.0.1; not for two threads at once."""

    def __init__(self, port: int, token: str = "") -> None:
        self.port = port
        self.token = token
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_ANSWER_S)

    def close(self) -> None:
        self._connection.close()

    # -- getting in

    def ping(self) -> bool:
        """Whether it answers, in whatever way."""
        try:
            self._exchange("GET", "/ping", None, {})
        except RunnerError:
            return False
        return True

    def log_in(self, name: str, password: str) -> None:
        """As a user does in the browser, and then make a token, which restarts do not end."""
        login = {"auth": name, "password": password}
        status, cookie, body = self._exchange("POST", "/auth/login", login, {})
        if status not in {200, 204}:
            raise _refused("POST", "/auth/login", status, body)
        if not cookie:
            raise RunnerError("Semaphore's POST /api/auth/login answered without a cookie.")
        headers = {"Cookie": cookie.split(";", 1)[0]}
        status, _, body = self._exchange("POST", "/user/tokens", None, headers)
        if status != 201:
            raise _refused("POST", "/user/tokens", status, body)
        self.token = str(_field(_read("POST", "/user/tokens", body), "id"))

    def version(self) -> str:
        """What the server says that it is, as ``v2.10.32-f33944e0-1729836000``."""
        return str(_field(self.call("GET", "/info"), "version"))

    # -- things in a project

    def make(self, path: str, fields: Mapping[str, object]) -> int:
        """Create something with a name; its number. Some are answered with 204 and no word."""
        made = self.call("POST", path, fields, expect=(200, 201, 204))
        if isinstance(made, dict) and "id" in made:
            return _number(made)
        named = [one for one in self._list(path) if one.get("name") == fields["name"]]
        if not named:
            raise RunnerError(f"Semaphore's GET /api{path} does not list {fields['name']!r}.")
        return max(map(_number, named))

    def no_key(self, project: int) -> int:
        """The number of the key that stands for none; every new project has it."""
        path = f"/project/{project}/keys"
        none = [one for one in self._list(path) if one.get("type") == "none"]
        if none:
            return _number(none[0])
        return self.make(path, {"name": "None", "type": "none", "project_id": project})

    def run(self, project: int, template: int) -> int:
        """Hand a task over; its number. In 2.10.32 they count down from 2147483646."""
        fields = {"template_id": template, "project_id": project}
        return _number(self.call("POST", f"/project/{project}/tasks", fields, expect=(200, 201)))

    def task(self, project: int, number: int) -> SemaphoreTask:
        return _task(self.call("GET", f"/project/{project}/tasks/{number}"))

    def tasks(self, project: int) -> dict[int, SemaphoreTask]:
        """The last 200."""
        listed = map(_task, self._list(f"/project/{project}/tasks/last"))
        return {task.number: task for task in listed}

    def log(self, project: int, number: int) -> list[str]:
        """A task's lines until now."""
        lines = self._list(f"/project/{project}/tasks/{number}/output")
        return [str(line.get("output", "")) for line in lines]

    def stop(self, project: int, number: int, body: Mapping[str, object] | None) -> None:
        """What the button does; ``body`` None: a POST without any."""
        path = f"/project/{project}/tasks/{number}/stop"
        self.call("POST", path, body, expect=(200, 204))

    # -- one request

    def call(
        self,
        method: str,
        path: str,
        body: Mapping[str, object] | None = None,
        *,
        expect: tuple[int, ...] = (200,),
    ) -> Any:
        """One request below /api; what its JSON means, None where there is none."""
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        status, _, answer = self._exchange(method, path, body, headers)
        if status not in expect:
            raise _refused(method, path, status, answer)
        return _read(method, path, answer) if answer else None

    def _list(self, path: str) -> list[dict[str, Any]]:
        listed = self.call("GET", path)
        # Go writes an empty slice that was never made as null.
        if listed is None:
            return []
        if not isinstance(listed, list) or not all(isinstance(one, dict) for one in listed):
            raise RunnerError(f"Semaphore's GET /api{path} answered no list: {_short(listed)}")
        return listed

    def _exchange(
        self, method: str, path: str, body: Mapping[str, object] | None, headers: Mapping[str, str]
    ) -> tuple[int, str, bytes]:
        """Status, cookie, body. A GET is asked once more where the server had been restarted."""
        content = None if body is None else json.dumps(body).encode()
        headers = {**headers, **({} if body is None else {"Content-Type": "application/json"})}
        for again in (method == "GET", False):
            try:
                self._connection.request(method, f"/api{path}", content, headers)
                answer = self._connection.getresponse()
                read = answer.read(_ANSWER_LIMIT)
                return answer.status, answer.getheader("Set-Cookie", ""), read
            except (http.client.HTTPException, OSError) as error:
                self._connection.close()
                if not again or isinstance(error, TimeoutError):
                    raise RunnerError(
                        f"Semaphore does not answer {method} /api{path}: {str(error) or repr(error)}."
                    ) from None
        raise AssertionError  # the second turn returns or raises


class Following(threading.Thread):
    """Follows one task to its end: its log as it grows, and the moment when it is over."""

    def __init__(self, api: Api, project: int, number: int, tell: Tell, *, job: bool) -> None:
        """``job``: whether the task's first process is the job's, so that its end is the job's."""
        super().__init__(name=f"semaphore-task-{number}", daemon=True)
        self._api = Api(api.port, api.token)
        self._job = job
        self._project = project
        self._number = number
        self._tell = tell
        self._enough = threading.Event()
        self._telling = threading.Lock()
        self.reported = False
        self._seen = 0
        self._failure = ""

    def cease(self) -> None:
        """Nothing is told of it from now on."""
        with self._telling:
            self._enough.set()

    def end(self) -> None:
        """Follow it no longer."""
        self.cease()
        self.join(_ANSWER_S + 1)

    def run(self) -> None:
        try:
            task = self._until_over()
            if task is not None:
                self._settle()
                self._report(task)
                self._read_late()
        finally:
            self._api.close()

    def _until_over(self) -> SemaphoreTask | None:
        turn = 0
        while not self._enough.is_set():
            try:
                task = self._api.task(self._project, self._number)
                if task.over:
                    return task
                waiting = task.status == "waiting"
                if not waiting and turn % _LOG_EVERY == 0:
                    self._read()
                turn += 1
                self._enough.wait(_WAITING_POLL_S if waiting else _POLL_S)
            except RunnerError:
                # The server is down, and may come again.
                self._enough.wait(_POLL_S * 3)
        return None

    def _read(self) -> bool:
        """Pass on what is new of the log; whether there was anything."""
        lines = self._api.log(self._project, self._number)[self._seen :]
        for line in lines:
            found = _FAILED.match(line)
            self._failure = found.group() if found else self._failure
            with self._telling:
                if not self._enough.is_set():
                    self._tell.output(line.encode("utf-8", "replace") + b"\n")
        self._seen += len(lines)
        return bool(lines)

    def _settle(self) -> None:
        """Read the log until nothing more comes: Go's error is not always its last line, since what
        was still in a pipe is read after that.
        """
        until = time.monotonic() + _SETTLE_LIMIT_S
        with contextlib.suppress(RunnerError):
            while self._read() and time.monotonic() < until:
                self._enough.wait(_SETTLE_S)

    def _read_late(self) -> None:
        """What a later version writes only now comes after the report, which must not wait for it."""
        until = time.monotonic() + _LATE_S
        with contextlib.suppress(RunnerError):
            while not self._enough.wait(_LATE_EVERY_S) and time.monotonic() < until:
                self._read()

    def _report(self, task: SemaphoreTask) -> None:
        words = f"status={task.status}"
        if self._failure:
            words += f"; {self._failure}"
        end = _end(self._failure) if self._job else None
        with self._telling:
            if not self._enough.is_set():
                self._tell.report(_OVER.get(task.status, Said.CANCELLED), words, end)
        self.reported = True


def until(true: Callable[[], bool], within_s: float, every_s: float = 0.02) -> bool:
    """Wait for something; whether it came."""
    deadline = time.monotonic() + within_s
    while not true():
        if time.monotonic() > deadline:
            return False
        time.sleep(every_s)
    return True


def _end(failure: str) -> End | None:
    """How the first process ended, from Go's words: ``exit status 3``, ``signal: killed``."""
    failure = failure.partition(": ")[2]
    status = re.fullmatch(r"exit status (\d+)", failure)
    if status:
        return End(status=int(status.group(1)))
    killed = re.fullmatch(r"signal: (.*?)(?: \(core dumped\))?", failure)
    if killed and killed.group(1) in _GO_SIGNALS:
        return End(signal=_GO_SIGNALS[killed.group(1)])
    return None


def _task(fields: Any) -> SemaphoreTask:
    started = fields.get("start") if isinstance(fields, dict) else None
    try:
        return SemaphoreTask(
            number=_number(fields),
            status=str(_field(fields, "status")),
            started_s=None if not started else datetime.fromisoformat(str(started)).timestamp(),
            ended=fields.get("end") is not None,
        )
    except ValueError:
        raise RunnerError(f"Semaphore's task has no time in start: {started!r}.") from None


def _number(fields: Any) -> int:
    number = _field(fields, "id")
    if not isinstance(number, int):
        raise RunnerError(f"Semaphore answered with an id that is no number: {_short(number)}")
    return number


def _field(fields: Any, name: str) -> Any:
    if not isinstance(fields, dict) or name not in fields:
        raise RunnerError(f"Semaphore answered without {name!r}: {_short(fields)}")
    return fields[name]


def _read(method: str, path: str, body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        raise RunnerError(
            f"Semaphore's {method} /api{path} answered no JSON: {_short(body)}"
        ) from None


def _refused(method: str, path: str, status: int, body: bytes) -> RunnerError:
    reason = http.client.responses.get(status, "")
    words = _short(body) if body.strip() else "no further word"
    return RunnerError(f"Semaphore's {method} /api{path} answered {status} {reason}: {words}.")


def _short(what: object) -> str:
    text = what.decode("utf-8", "replace") if isinstance(what, bytes) else repr(what)
    return text.strip()[:300]

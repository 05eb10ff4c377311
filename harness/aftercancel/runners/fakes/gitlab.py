"""A fake GitLab: as much of its API for runners as a job needs, for one runner, on 127.0.0.1.

Not GitLab, and nothing that it answers is a finding about GitLab. It answers as GitLab's source
says (lib/api/ci/runner.rb, lib/api/ci/helpers/runner.rb, app/models/commit_status.rb):

- ``POST /api/v4/jobs/request``: 201 with a job. While there is none the request is held open, as
  Workhorse's long polling does, and answered with 204 after ``HOLD_S``.
- ``PUT /api/v4/jobs/ID``: 200; the job's state, and at last how it ended.
- ``PATCH /api/v4/jobs/ID/trace``: 202; more of the log.
- ``POST /api/v4/runners/verify``: 200. ``GET /api/v4/runners/router/discovery``: 501, as a GitLab
  without a job router does.

What is said of a job that is not on a runner is answered with 403, and with its state in
``Job-Status`` if it is known (``authenticate_job!``, ``job_forbidden!``).
"""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Self

from aftercancel.errors import RunnerError
from aftercancel.runners.fakes.gitlab_http import Answer, Refusal, Request, Server, hung_up
from aftercancel.runners.fakes.gitlab_jobs import Job, Jobs, Listener, State

HOLD_S = 20.0
"""How long a request for a job is held open while there is none."""
_LOOK_S = 0.25
"""How often it is looked whether a runner that waits has hung up."""
_LOG_LIMIT = 1 << 21
"""A runner's patches have 1 MiB at most (common/consts.go, DefaultTracePatchLimit)."""
_UPDATE_INTERVAL = {"X-GitLab-Trace-Update-Interval": "1"}
"""Seconds, whole ones: the runner takes no shorter (network/remote_job_state_response.go)."""
_RANGE = re.compile(r"(\d+)-(\d+)", re.ASCII)


class FakeGitLab:
    """The fake server and its jobs; ``start`` before use, ``stop`` may be called twice."""

    def __init__(self, listener: Listener, token: str) -> None:
        self.jobs = Jobs(listener)
        self.token = token
        """The one runner's."""
        self.talk = True
        """Whether runners are kept talking (``Jobs.append``)."""
        self.requests = 0
        """How often the runner has asked for a job."""
        self.features: Mapping[str, Any] = {}
        """What the runner said it can do, when it last asked."""
        self.refused = False
        """Whether the last part of a log that came in was refused."""
        self.stopping = False
        self._asking: list[socket.socket] = []
        self._server: Server | None = None
        self._thread: threading.Thread | None = None

    @property
    def url(self) -> str:
        assert self._server is not None
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def start(self, port: int = 0) -> None:
        routes = (
            ("POST", r"jobs/request", self._job_request),
            ("PUT", r"jobs/(\d{1,9})", self._job_update),
            ("PATCH", r"jobs/(\d{1,9})/trace", self._job_trace),
            ("POST", r"runners/verify", self._verify),
            ("GET", r"runners/router/discovery", self._discovery),
        )
        try:
            self._server = Server(("127.0.0.1", port), routes)
        except OSError as error:
            raise RunnerError(
                f"The fake GitLab cannot listen on 127.0.0.1:{port}: {error.strerror}."
            ) from None
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.02,), name="fake GitLab", daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        with self.jobs.changed:
            self.stopping = True
            self.jobs.changed.notify_all()
        server, self._server = self._server, None
        if server is not None:
            server.shutdown()
            server.server_close()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.stop()

    def asked_for(self) -> bool:
        """Whether the runner waits for a job now, so that it has none."""
        with self.jobs.changed:
            return any(not hung_up(connection) for connection in self._asking)

    def cancel(self, job: Job) -> State:
        """Its user presses cancel, in GitLab 17 or later; returns what the job's state was.

        A runner that cannot let after_script run in a cancelled job is told that the job is
        canceled (``supports_canceling?``, from ``cancel_gracefully`` of its features).
        """
        gracefully = bool(self.features.get("cancel_gracefully"))
        return self.jobs.move(job, State.CANCELING if gracefully else State.CANCELED)

    # -- what the runner asks

    def _job_request(self, request: Request) -> Answer:
        document = request.json()
        self._check_runner(document.get("token"))
        info = document.get("info")
        features = info.get("features") if isinstance(info, dict) else None
        jobs = self.jobs
        with jobs.changed:
            self.features = features if isinstance(features, dict) else {}
            self.requests += 1
            self._asking.append(request.connection)
            jobs.changed.notify_all()
            try:
                job = self._wait(request.connection)
            finally:
                self._asking.remove(request.connection)
        if job is None:
            return Answer(HTTPStatus.NO_CONTENT)
        request.undo.append(lambda: jobs.give_back(job))
        return Answer(HTTPStatus.CREATED, job.document)

    def _wait(self, connection: socket.socket) -> Job | None:
        """For a job; None: there is none, or nobody waits for it any more."""
        left_s = HOLD_S
        while left_s > 0 and not self.stopping and not hung_up(connection):
            job = self.jobs.take()
            if job is not None:
                return job
            self.jobs.changed.wait(_LOOK_S)
            left_s -= _LOOK_S
        return None

    def _job_update(self, request: Request, number: str) -> Answer:
        document = request.json()
        job = self._job(number, request.header("JOB-TOKEN"), document.get("token"))
        state, code = document.get("state"), document.get("exit_code")
        if state in {State.SUCCESS, State.FAILED}:
            reason = str(document.get("failure_reason") or "")
            status = code if isinstance(code, int) else None
            was = self.jobs.finish(job, str(state), reason, status)
            _check_on_runner(was)
        elif state in {State.PENDING, State.RUNNING}:
            _check_on_runner(job.state)
        else:
            raise Refusal(HTTPStatus.BAD_REQUEST, "state does not have a valid value")
        return Answer(HTTPStatus.OK, job.state, {"Job-Status": job.state, **_UPDATE_INTERVAL})

    def _job_trace(self, request: Request, number: str) -> Answer:
        job = self._job(number, request.header("JOB-TOKEN"))
        self.refused = not job.state.on_runner
        _check_on_runner(job.state)
        said = request.header("Content-Range")
        found = _RANGE.fullmatch(said or "")
        if found is None:
            raise Refusal(HTTPStatus.BAD_REQUEST, f"Content-Range is {said!r}")
        data = request.body(_LOG_LIMIT)
        start, last = int(found[1]), int(found[2])
        if last - start + 1 != len(data):
            raise Refusal(HTTPStatus.BAD_REQUEST, f"Content-Range is {said}, of {len(data)} bytes")
        taken = self.jobs.append(job, start, data, lambda: self.talk)
        headers = {
            "Job-Status": job.state,
            "Range": f"0-{job.acknowledged}",
            **_UPDATE_INTERVAL,
        }
        status = HTTPStatus.ACCEPTED if taken else HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE
        return Answer(status, headers["Range"], headers)

    def _verify(self, request: Request) -> Answer:
        self._check_runner(request.json().get("token"))
        return Answer(HTTPStatus.OK, {"id": 1, "token": self.token, "token_expires_at": None})

    def _discovery(self, request: Request) -> Answer:
        self._check_runner(request.header("RUNNER-TOKEN"))
        return Answer(HTTPStatus.NOT_IMPLEMENTED, {"message": "501 Not Implemented"})

    def _check_runner(self, token: Any) -> None:
        if token != self.token:
            raise Refusal(HTTPStatus.FORBIDDEN, "Invalid runner token")

    def _job(self, number: str, *tokens: Any) -> Job:
        job = self.jobs.find(int(number))
        if job is None:
            raise Refusal(HTTPStatus.FORBIDDEN, "Job not found")
        if job.token not in tokens:
            raise Refusal(HTTPStatus.FORBIDDEN, "Invalid job token")
        return job


def _check_on_runner(state: State) -> None:
    if state is State.FORGOTTEN:
        raise Refusal(HTTPStatus.FORBIDDEN, "Job not found")
    if not state.on_runner:
        raise Refusal(HTTPStatus.FORBIDDEN, "Job is not processing on runner", Job_Status=state)

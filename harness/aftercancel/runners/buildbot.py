"""Buildbot: a master and one worker, driven as the buttons of the master's web page do.

The worker is what starts jobs (``runner``), the master what is told to (``server``). A job is a
ShellCommand whose command is a list of words; what comes after it is a step that runs always. The
worker has one build at a time, so further builds wait in the master.

Options are those of ShellCommand: interruptSignal, sigtermTime, usePTY. The two limits are set by
each job: ``timeout`` (without output) and ``max-time``.

A value of the environment with ``${NAME}`` in it is expanded by the worker (RunProcess.__init__).
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence

from aftercancel.errors import RunnerError
from aftercancel.runners.buildbot_builds import Builds, Request
from aftercancel.runners.buildbot_config import BUILDER, SCHEDULER, Ports, step_options
from aftercancel.runners.buildbot_processes import START_S, Processes, find
from aftercancel.runners.buildbot_rest import Rest
from aftercancel.runners.ground import Ground
from aftercancel.runners.protocol import Adapter, Further, Kind, Tell, Work

STOP = "stop"
TIMEOUT = "timeout"
MAX_TIME = "max-time"
_BUILD_S = 10.0
_POLL_S = 0.05


class Buildbot:
    """See ``protocol.Adapter``."""

    def __init__(self, ground: Ground, options: Mapping[str, str], tell: Tell) -> None:
        given = dict(options)
        port = int(given.pop("port", "0"))
        ports = Ports(port, int(given.pop("worker_port", "0"))) if port else None
        self._processes = Processes(ground, step_options(given), ports)
        self._builds = Builds(lambda: self._processes.rest)
        self._tell = tell
        self._builder = 0
        self._request: Request | None = None
        self._further: list[Request] = []
        self.runner: int | None = None
        self.server: int | None = None

    def start(self) -> None:
        self._processes.start()
        self._took_place()
        builders = self._rest.get("builders", "builders", name=BUILDER)
        if not builders:
            raise RunnerError(f"Buildbot's master knows no builder {BUILDER}.")
        self._builder = int(builders[0]["builderid"])
        self._builds.start(START_S)

    def submit(self, work: Work) -> None:
        self._builds.forget()
        self._further = []
        job: dict[str, object] = {
            "command": list(work.command),
            "env": dict(work.env),
            "folder": work.folder,
            "after": work.after,
        }
        if TIMEOUT in work.ways:
            job["timeout"] = work.limit_s
        if MAX_TIME in work.ways:
            job["max_time"] = work.limit_s
        self._request = self._force(job, self._tell)

    def ask(self, way: str) -> None:
        if way in (TIMEOUT, MAX_TIME):
            return
        if way != STOP:
            raise RunnerError(f"Buildbot has no {way!r}; it has {STOP}, {TIMEOUT}, {MAX_TIME}.")
        if self._request is None:
            raise RunnerError("There is no build to stop.")
        build = self._builds.build_of(self._request, _BUILD_S)
        self._rest.call(f"builds/{build}", "stop", reason="the user wants it to stop")

    def further(self, number: int) -> None:
        for _ in range(number):
            self._further.append(self._force({"command": ["true"], "env": {}, "folder": "."}, None))

    def queue(self) -> Sequence[Further]:
        return [
            Further(request.submitted_ns, request.started_ns, self._lists(request))
            for request in self._further
        ]

    def start_again(self) -> None:
        self._processes.start_again()
        self._took_place()

    def idle(self, within_s: float) -> bool:
        until = time.monotonic() + within_s
        while True:
            try:
                if self._has_nothing_to_do():
                    return True
            except RunnerError:
                pass  # the master is not there; it will not come by itself
            if time.monotonic() > until or not self._processes.all_run():
                return False
            time.sleep(_POLL_S)

    def stop(self) -> None:
        self._processes.stop()
        self._builds.stop()

    @property
    def _rest(self) -> Rest:
        return self._processes.rest

    def _took_place(self) -> None:
        self.runner, self.server = self._processes.worker, self._processes.master

    def _force(self, job: Mapping[str, object], tell: Tell | None) -> Request:
        submitted_ns = time.monotonic_ns()
        path = f"forceschedulers/{SCHEDULER}"
        answer = self._rest.call(path, "force", builderid=self._builder, job=json.dumps(job))
        try:
            _, requests = answer
            number = int(requests[str(self._builder)])
        except (TypeError, ValueError, KeyError):
            raise RunnerError(f"Buildbot's master answers {path} with {answer!r:.200}") from None
        request = Request(number, submitted_ns, tell)
        self._builds.watch(request)
        return request

    def _lists(self, request: Request) -> bool:
        try:
            return bool(self._rest.get("buildrequests", f"buildrequests/{request.number}"))
        except RunnerError:
            return False

    def _has_nothing_to_do(self) -> bool:
        rest = self._rest
        return (
            not rest.get("builds", "builds", complete="false")
            and not rest.get("buildrequests", "buildrequests", complete="false")
            and any(worker.get("connected_to") for worker in rest.get("workers", "workers"))
        )


def _make(ground: Ground, options: Mapping[str, str], tell: Tell) -> Adapter:
    return Buildbot(ground, options, tell)


KIND = Kind(
    name="buildbot",
    programs=("buildbot",),
    get="scripts/runners.sh buildbot, or a virtual environment with buildbot, buildbot-worker and "
    "buildbot-www of one version, and setuptools<81.",
    find=find,
    make=_make,
)

"""What the master says of builds, as it happens: one thread that reads its events."""

from __future__ import annotations

import re
import signal
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from aftercancel.errors import RunnerError
from aftercancel.model import End, Said
from aftercancel.runners.buildbot_rest import Event, Rest, Unreachable
from aftercancel.runners.protocol import Tell

RESULTS = ("success", "warnings", "failure", "skipped", "exception", "retry", "cancelled")
"""By number (buildbot/process/results.py)."""
_FINE = {"success", "warnings", "skipped"}
JOB_STEP = "job"
_RETRY_S = 0.05
_SILENCE_S = 3600.0
_EXIT = re.compile(r"^program finished with exit code (\d+)$", re.MULTILINE)
_KILLED = re.compile(r"^process killed by signal (\d+)$", re.MULTILINE)
"""What the worker writes into the step's log (buildbot_worker/runprocess.py finished, and
buildbot/process/remotecommand.py remoteComplete)."""


@dataclass
class Request:
    """A request for a build, ours, and what has been heard of it."""

    number: int
    submitted_ns: int
    tell: Tell | None = None
    """None: a further job, of which nobody is told."""
    build: int | None = None
    started_ns: int | None = None
    over: bool = False
    end: End | None = None
    steps: dict[int, str] = field(default_factory=dict)
    """Names by id."""
    read: dict[int, int] = field(default_factory=dict)
    """How many lines of each log were passed on."""


class Builds:
    """Listens to the master from ``start`` until ``stop``, over its restarts."""

    def __init__(self, rest: Callable[[], Rest]) -> None:
        self._rest = rest
        self._requests: dict[int, Request] = {}
        self._changed = threading.Condition()
        self._stopped = threading.Event()
        self._listening = threading.Event()
        self._thread = threading.Thread(target=self._run, name="buildbot-events", daemon=True)
        self.trouble = ""
        """What went wrong last, in words."""

    def start(self, within_s: float) -> None:
        """Returns when nothing will be missed any more."""
        self._thread.start()
        if not self._listening.wait(within_s):
            raise RunnerError(f"Buildbot's master sends no events. {self.trouble}")

    def stop(self) -> None:
        """To be called when the master is gone: that ends the stream."""
        self._stopped.set()
        if self._thread.is_alive():
            self._thread.join(1.0)

    def forget(self) -> None:
        """What was asked for until now is of no interest any more."""
        with self._changed:
            self._requests.clear()

    def watch(self, request: Request) -> None:
        """Follow this one, of which something may have been heard already."""
        with self._changed:
            self._requests[request.number] = request
        self._catch_up([request])

    def build_of(self, request: Request, within_s: float) -> int:
        """The number of its build, once it has one."""
        with self._changed:
            if not self._changed.wait_for(lambda: request.build is not None, within_s):
                raise RunnerError(
                    f"Buildbot did not start the build within {within_s:.0f} s. {self.trouble}"
                )
        assert request.build is not None
        return request.build

    # -- listening

    def _run(self) -> None:
        while not self._stopped.is_set():
            try:
                for event in self._rest().events(_SILENCE_S):
                    if event is None:
                        self._listening.set()
                        self._catch_up(list(self._requests.values()))
                    else:
                        self._heard(event)
            except (RunnerError, KeyError, TypeError, ValueError) as error:
                self.trouble = f"Buildbot's master sent what makes no sense: {error!r}"
                if isinstance(error, RunnerError):
                    self.trouble = str(error)
            self._stopped.wait(_RETRY_S)

    def _heard(self, event: Event) -> None:
        with self._changed:
            known = list(self._requests.values())
            match event.kind:
                case "builds":
                    for request in known:
                        if request.number == event.of.get("buildrequestid"):
                            self._take_build(request, event.of)
                case "steps":
                    for request in _with_build(known, event.of.get("buildid")):
                        request.steps[int(event.of["stepid"])] = str(event.of.get("name"))
                case "logs" if event.of.get("type") == "s":
                    for request in known:
                        if event.of.get("stepid") in request.steps:
                            self._read_log(request, event.of)

    def _catch_up(self, requests: Iterable[Request]) -> None:
        """Ask for what may have happened while nobody listened."""
        rest = self._rest()
        for request in requests:
            try:
                builds = rest.get("builds", "builds", buildrequestid=str(request.number))
            except Unreachable as error:
                self.trouble = str(error)
                return
            with self._changed:
                for build in builds:
                    if request.build in (None, build["buildid"]):
                        self._read_rest(request, int(build["buildid"]))
                    self._take_build(request, build)

    # -- with the lock held

    def _take_build(self, request: Request, build: Mapping[str, Any]) -> None:
        if request.build is None:
            request.build = int(build["buildid"])
            request.started_ns = time.monotonic_ns()
            self._changed.notify_all()
        # A request whose build got lost is built again, by another build: that is not this job's end.
        if request.over or build["buildid"] != request.build or not build.get("complete"):
            return
        request.over = True
        if request.tell is None:
            return
        # Its logs have ended before, and are read: events come in the order of what happens.
        number = int(build["results"])
        result = RESULTS[number] if 0 <= number < len(RESULTS) else "unknown"
        said = Said.SUCCESS if result in _FINE else Said.FAILED
        if result == "cancelled":
            said = Said.CANCELLED
        words = f"results={number} ({result}) state_string={build.get('state_string')}"
        request.tell.report(said, words, request.end)

    def _read_rest(self, request: Request, build: int) -> None:
        """Read of its logs what nobody listened to."""
        if request.tell is None:
            return
        try:
            steps = self._rest().get("steps", f"builds/{build}/steps")
            for step in steps:
                request.steps[int(step["stepid"])] = str(step["name"])
                for log in self._rest().get("logs", f"steps/{step['stepid']}/logs"):
                    if log["type"] == "s":
                        self._read_log(request, log)
        except RunnerError as error:
            self.trouble = str(error)

    def _read_log(self, request: Request, log: Mapping[str, Any]) -> None:
        number, lines = int(log["logid"]), int(log["num_lines"])
        read = request.read.get(number, 0)
        if request.tell is None or lines <= read:
            return
        path = f"logs/{number}/contents"
        chunks = self._rest().get("logchunks", path, offset=str(read), limit=str(lines - read))
        content = "".join(str(chunk["content"]) for chunk in chunks)
        request.read[number] = lines
        # The first character of each line says which stream it was: o, e, or h for the worker's own.
        text = "".join(line[1:] for line in content.splitlines(keepends=True))
        if request.steps.get(int(log["stepid"])) == JOB_STEP:
            request.end = _end(content) or request.end
        request.tell.output(text.encode())


def _with_build(requests: Iterable[Request], build: object) -> list[Request]:
    return [request for request in requests if build is not None and request.build == build]


def _end(content: str) -> End | None:
    own = "\n".join(line[1:] for line in content.splitlines() if line.startswith("h"))
    if killed := _KILLED.search(own):
        return End(signal=signal.Signals(int(killed[1])).name.removeprefix("SIG"))
    if ended := _EXIT.search(own):
        return End(status=int(ended[1]))
    return None

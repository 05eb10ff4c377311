"""Jenkins, and Hudson 3.3.2, its direct ancestor: a server that runs jobs in itself.

Both are one java process, the server and what starts jobs in one; it has one executor, so that
further builds wait in its queue. A job is a freestyle one with an "Execute shell", or
(``job = "pipeline"``, Jenkins only) a Pipeline with one ``sh``.

Each job is created anew and built once: Jenkins takes two waiting builds of one job for one
(hudson/model/Queue.java scheduleInternal), so further builds are those of jobs of their own.

A build counts as reported when the API says ``"building": false``, which is asked for every 40 ms.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from aftercancel.errors import RunnerError
from aftercancel.model import End, Said
from aftercancel.runners import jenkins_jobs as jobs
from aftercancel.runners.ground import Ground
from aftercancel.runners.jenkins_http import JenkinsHttp, State, Ticket
from aftercancel.runners.jenkins_server import Flavour, Server, find
from aftercancel.runners.protocol import Adapter, Found, Further, Kind, Tell, Work

ABORT = "abort"
_POLL_S = 0.04
_IDLE_POLL_S = 0.3
_LOG_S = 0.2
_REST_OF_LOG_S = 0.1
_NUMBER_S = 10.0
_EXIT_CODE = re.compile(rb"script returned exit code (\d+)")
"""How a Pipeline's ``sh`` fails (workflow-durable-task-step)."""
_SAID = {"SUCCESS": Said.SUCCESS, "ABORTED": Said.CANCELLED}


_GET = """put jenkins.war into the lab's folder of runners (from the image: docker create, docker cp
CONTAINER:/usr/share/jenkins/jenkins.war; from the deb: /usr/share/java/jenkins.war; or from
get.jenkins.io), and for Pipelines a folder plugins beside it. It needs java.""".replace("\n", " ")
_GET_HUDSON = """Hudson 3.3.2 is org.eclipse.hudson:hudson-war:3.3.2 of Maven Central: put the war into
the lab's folder of runners, in a folder hudson-3.3.2. From Java 9 on it needs a launcher beside it
(launcher/HL.class), and a ProcessTree that knows this Java.""".replace("\n", " ")


class Watch:
    """Watches one build until the server says that it is over."""

    def __init__(self, http: JenkinsHttp, ticket: Ticket, tell: Tell) -> None:
        self._http = http
        self.job = ticket.job
        self._ticket = ticket
        self._tell = tell
        self._read = 0
        self._exit_code: int | None = None
        self._stopped = threading.Event()
        self._numbered = threading.Event()
        self._thread = threading.Thread(target=self._run, name=ticket.job, daemon=True)
        self.number = 0
        self.trouble = ""
        """What the server refused last, in its words."""

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Look no more."""
        self._stopped.set()
        self._thread.join(self._http.timeout_s)

    def started(self, within_s: float) -> int:
        """The build's number, once it has one."""
        if not self._numbered.wait(within_s):
            raise RunnerError(f"{self.job} was not started within {within_s:.0f} s. {self.trouble}")
        return self.number

    def _run(self) -> None:
        log_at = 0.0
        while not self._stopped.wait(_POLL_S):
            try:
                if not self._numbered.is_set() and not self._find_number():
                    continue
                state = self._http.state(self.job, self.number)
                if not state.building:
                    self._report(state)
                    return
                if time.monotonic() >= log_at:
                    self._read_log()
                    log_at = time.monotonic() + _LOG_S
            except RunnerError as error:  # it may be started again, and know it then
                self.trouble = str(error)

    def _find_number(self) -> bool:
        number = self._http.number(self._ticket)
        if number is None:
            return False
        self.number = number
        self._numbered.set()
        return True

    def _read_log(self) -> bool:
        """Pass on what is new; whether more may come."""
        part = self._http.console(self.job, self.number, self._read)
        self._read = part.end
        if part.text:
            if code := _EXIT_CODE.search(part.text):
                self._exit_code = int(code[1])
            self._tell.output(part.text)
        return part.more

    def _report(self, state: State) -> None:
        # The last lines are written when the build already counts as over (Run.execute).
        until = time.monotonic() + _REST_OF_LOG_S
        while self._read_log() and time.monotonic() < until:
            pass
        said = _SAID.get(state.result or "", Said.FAILED)
        end = None if self._exit_code is None else End(status=self._exit_code)
        self._tell.report(said, f"result={state.result} building=false", end)


class Jenkins:
    """See ``protocol.Adapter``."""

    def __init__(
        self, flavour: Flavour, ground: Ground, options: Mapping[str, str], tell: Tell
    ) -> None:
        known = {"job", "memory", "port"}
        if unknown := sorted(options.keys() - known):
            raise RunnerError(f"{flavour.spelt} has no option {unknown[0]!r}, but {sorted(known)}.")
        self._job = options.get("job", "freestyle")
        kinds = ("freestyle", "pipeline") if flavour is Flavour.JENKINS else ("freestyle",)
        if self._job not in kinds:
            raise RunnerError(
                f"{flavour.spelt} has no job {self._job!r}, but {' and '.join(kinds)}."
            )
        memory = options.get("memory", "512m" if flavour is Flavour.JENKINS else "256m")
        self._server = Server(ground, flavour, int(options.get("port", "0")), memory)
        self._ground = ground
        self._tell = tell
        self._watch: Watch | None = None
        self._jobs = 0
        self._further: list[tuple[str, int]] = []
        self.runner: int | None = None
        self.server: int | None = None

    def start(self) -> None:
        self._server.prepare()
        self._server.start()
        self.runner = self.server = self._server.pid
        if self._job == "pipeline":
            there = self._http.plugins()
            if missing := [name for name in jobs.PIPELINE_PLUGINS if name not in there]:
                raise RunnerError(
                    f"A Pipeline job needs the plugins {', '.join(missing)}: put them, with what "
                    f"they depend on, into a folder plugins beside {self._ground.program.name}."
                )

    def submit(self, work: Work) -> None:
        self._look_no_more()
        self._further = []
        http = self._http
        ticket = self._build(http, Path(work.name).stem, work)
        self._watch = Watch(self._http, ticket, self._tell)
        self._watch.start()

    def ask(self, way: str) -> None:
        if way != ABORT:
            raise RunnerError(f"{self._server.flavour.spelt} has no {way!r}; it has {ABORT}.")
        if self._watch is None:
            raise RunnerError("There is no build to abort.")
        self._http.abort(self._watch.job, self._watch.started(_NUMBER_S))

    def further(self, number: int) -> None:
        http = self._http
        for _ in range(number):
            ticket = self._build(http, "further", jobs.short(str(self._ground.home)))
            self._further.append((ticket.job, time.monotonic_ns()))

    def queue(self) -> Sequence[Further]:
        http = self._http
        offset_ns = time.clock_gettime_ns(time.CLOCK_REALTIME) - time.monotonic_ns()
        try:
            waiting = http.waiting()
        except RunnerError:
            waiting = []
        became = []
        for name, submitted_ns in self._further:
            started_ns, listed = None, name in waiting
            try:
                number = http.number(Ticket(name, None))
                if number is not None:
                    listed = True
                    at_ns = jobs.started(http.console(name, number).text)
                    started_ns = None if at_ns is None else at_ns - offset_ns
            except RunnerError:
                pass  # it knows nothing of it, or is not there to ask
            became.append(Further(submitted_ns, started_ns, listed))
        return became

    def start_again(self) -> None:
        self._server.start_again()
        self.runner = self.server = self._server.pid

    def idle(self, within_s: float) -> bool:
        http = self._http
        until, pause_s = time.monotonic() + within_s, _POLL_S
        while True:
            try:
                if http.executors()[0] == 0 and not http.waiting():
                    return True
            except RunnerError:
                if not self._server.alive:
                    return False
            if time.monotonic() > until:
                return False
            time.sleep(pause_s)
            pause_s = min(2 * pause_s, _IDLE_POLL_S)

    def stop(self) -> None:
        self._server.stop()
        self._look_no_more()

    @property
    def _http(self) -> JenkinsHttp:
        return self._server.http

    def _build(self, http: JenkinsHttp, name: str, work: Work) -> Ticket:
        self._jobs += 1
        job = f"{re.sub(r'[^A-Za-z0-9_.-]', '-', name)}-{self._jobs}"
        if self._job == "pipeline":
            http.create(job, jobs.pipeline(work))
            return http.build(job)
        http.create(job, jobs.freestyle(work))
        return http.build(job, work.env)

    def _look_no_more(self) -> None:
        watch, self._watch = self._watch, None
        if watch is not None:
            watch.stop()


def _kind(flavour: Flavour, programs: tuple[str, ...], get: str) -> Kind:
    def find_here(path: Path) -> Found:
        return find(flavour, path)

    def make(ground: Ground, options: Mapping[str, str], tell: Tell) -> Adapter:
        return Jenkins(flavour, ground, options, tell)

    # Jenkins' image has it there (jenkinsci/docker, debian/trixie/hotspot/Dockerfile).
    in_image = "/usr/share/jenkins/jenkins.war" if flavour is Flavour.JENKINS else ""
    return Kind(flavour.value, programs, get, find_here, make, in_image=in_image)


KIND = _kind(Flavour.JENKINS, ("jenkins.war", "jenkins"), _GET)
HUDSON = _kind(Flavour.HUDSON, ("hudson",), _GET_HUDSON)

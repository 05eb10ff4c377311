"""GitLab Runner: ``gitlab-runner run``, the real program, with a fake GitLab for its server.

The source's paths are those of gitlab.com/gitlab-org/gitlab-runner, version 19.4.

Ways to end a job, and what the report is in each:

``canceling``
    Its user presses cancel, in GitLab 17 or later. The runner hears ``Job-Status: canceling`` when
    it next sends some of the log, cancels the script only, runs after_script, and says at last
    ``state=failed failure_reason=job_canceled`` (common/build.go, ``executeUserScripts``). GitLab
    shows *canceling* until then and *canceled* from then on, whatever the runner says
    (app/models/commit_status.rb, ``event :drop``, ``event :success``): that is the report. A runner
    before 16.10, which does not know ``cancel_gracefully``, gets ``canceled`` instead, as from
    GitLab.
``canceled``
    Its user presses cancel in GitLab before 17, or forces it. GitLab shows *canceled* at once. The
    runner is answered with 403 and ``Job-Status: canceled``, gives up the whole job with its
    after_script (network/trace.go, ``Abort``), and says at last, when it is done with it,
    ``state=failed failure_reason=job_canceled``; that is answered with 403 again, and nobody sees
    it. It is the report all the same: the moment when the runner takes the job for over.
``forgotten``
    The server knows the job no longer (it was erased): 403 without a state. As ``canceled``.
``job-timeout``
    The job's time limit: ``runner_info.timeout``, whole seconds from the runner's start of the
    job. The report is ``state=failed failure_reason=job_execution_timeout``; GitLab shows *failed*.
    No after_script (its context ends with the job's).
``script-timeout``
    ``RUNNER_SCRIPT_TIMEOUT``, since 16.4: as ``canceling`` for the script, with after_script; the report is as
    for ``job-timeout``.

A runner that got TERM says ``failure_reason=runner_interrupted`` (before 19.1:
runner_system_failure) for its job before it ends (common/build.go, ``SystemInterrupt``); one that got QUIT goes on until
its job is over; one that got KILL never says anything, and its job stays *running* in the fake.

How long it waits where a job's first process does not end, or somebody holds its output: between
TERM and KILL to the job's group, 600 s, then 10 s (helpers/process/killer.go); only the custom
executor's can be set. ``canceled``, ``forgotten``, ``job-timeout`` and TERM to the runner give up
after 300 s already (``WaitForBuildFinishTimeout``): the report comes and the next job starts with
the old one still there. After TERM the runner itself ends after 30 s without a report
(``shutdown_timeout``).

How soon it hears of a cancellation: first 3 s after the start of the job
(``DefaultUpdateInterval``), then every second, which is the shortest that a server can ask for.
That is so with a job that writes; one that is silent is asked after every 30 s only
(network/trace.go, ``touchJob``), so the fake keeps the runner talking (``fakes.gitlab_jobs``).
One before 18.3 waits after each answer that refuses something, twice as long each time, until the
next that does not (network/client.go, ``checkBackoffRequest``).
"""

from __future__ import annotations

import mmap
import re
import secrets
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from aftercancel.errors import RunnerError
from aftercancel.model import End, Said
from aftercancel.runners.fakes.gitlab import FakeGitLab
from aftercancel.runners.fakes.gitlab_jobs import Final, Job, State
from aftercancel.runners.gitlab_config import HELPERS, Options, Way
from aftercancel.runners.gitlab_process import Process
from aftercancel.runners.ground import Ground
from aftercancel.runners.protocol import Found, Further, Kind, Tell, Work
from aftercancel.runners.versions import version_of

_VERSION = re.compile(rb"^Version:\s+(\S.*?)\s*$.*^Git revision:", re.MULTILINE | re.DOTALL)
_SCRIPT_TIMEOUT_SINCE = (16, 4)  # common/build.go, RUNNER_SCRIPT_TIMEOUT
_BACKS_OFF_UNTIL = (18, 3)  # network/client.go, checkBackoffRequest
_LOOK_S = 0.02
_OF_DOCKER_EXECUTOR = b"gitlab-runner/executors/docker.(*executor)"


class GitLabRunner:
    """One started runner with its fake GitLab."""

    server: int | None = None

    def __init__(
        self, ground: Ground, options: Mapping[str, str], tell: Tell, start_s: float = 20.0
    ) -> None:
        """``start_s``: by when it must have asked for a job."""
        self._ground = ground
        self._options = Options.of(options)
        self._tell = tell
        self._start_s = start_s
        # The prefix says that it is a runner's authentication token; 20 characters at least
        # (helpers/shorten_token.go).
        self._gitlab = FakeGitLab(self, f"glrt-{secrets.token_hex(16)}")
        self.runner: int | None = None
        self._process = Process(ground)
        self._job: Job | None = None
        self._further: list[Job] = []

    # -- its life

    def start(self) -> None:
        folder = self._ground.folder
        self._gitlab.start()
        config = self._options.config(folder, self._gitlab.url, self._gitlab.token)
        (folder / "config.toml").write_text(config, encoding="utf-8")
        if self._options.executor == "custom":
            (folder / "run").write_text(self._options.run_script, encoding="utf-8")
            (folder / "run").chmod(0o755)
        for name, text in HELPERS.items() if self._options.executor == "docker" else ():
            (folder / name).write_text(text, encoding="utf-8")
            (folder / name).chmod(0o755)
        for made in ("builds", "cache"):
            (folder / made).mkdir(exist_ok=True)
        self._ground.give(folder)
        self._spawn()

    def start_again(self) -> None:
        if self._process.stays:
            raise RunnerError("gitlab-runner is still running, so it cannot be started again.")
        self._spawn()

    def _spawn(self) -> None:
        user = self._options.user
        folder = self._ground.folder
        asked = self._gitlab.requests
        self.runner = self._process.start(
            [
                *(self._ground.program, "run"),
                *("--config", folder / "config.toml"),
                *("--working-directory", folder),
                *(("--user", user) if user else ()),
            ],
            as_root=bool(user),
        )
        until = time.monotonic() + self._start_s
        while self._gitlab.requests == asked:
            if not self._process.alive:
                raise RunnerError(
                    f"{self._process.ended} before it asked for a job. {self._said()}"
                )
            if time.monotonic() > until:
                self._end()
                raise RunnerError(
                    f"gitlab-runner did not ask for a job within {self._start_s:g} s "
                    f"of its start. {self._said()}"
                )
            time.sleep(_LOOK_S)

    def stop(self) -> None:
        self._end()
        self._gitlab.stop()

    def _end(self) -> None:
        self._process.end()
        self.runner = None

    # -- its jobs

    def submit(self, work: Work) -> None:
        self._check()
        if Way.SCRIPT_TIMEOUT in work.ways and self._older_than(_SCRIPT_TIMEOUT_SINCE):
            raise RunnerError(
                f"gitlab-runner {self._ground.version} does not know RUNNER_SCRIPT_TIMEOUT, "
                "which is there since 16.4."
            )
        self._gitlab.jobs.drop_all()
        self._further = []
        self._gitlab.talk = not any(Way(way).limit for way in work.ways if way in set(Way))
        self._job = self._gitlab.jobs.add(self._options.payload(work, self._gitlab.url))

    def ask(self, way: str) -> None:
        if way not in set(Way):
            raise RunnerError(
                f"gitlab-runner has no way {way!r} to end a job; it has {', '.join(Way)}."
            )
        if Way(way).limit:
            return
        job = self._job
        if job is None:
            raise RunnerError("There is no job that could be cancelled.")
        if way == Way.CANCELING:
            was = self._gitlab.cancel(job)
        else:
            was = self._gitlab.jobs.move(job, State(way))
        if was is not State.PENDING and not was.on_runner:
            raise RunnerError(f"The job cannot be cancelled any more: it is {was}.")

    def further(self, number: int) -> None:
        short = self._options.short(self._gitlab.url)
        self._further += [self._gitlab.jobs.add(short) for _ in range(number)]

    def queue(self) -> Sequence[Further]:
        """The queue is GitLab's, and so the fake's: it loses nothing, whatever becomes of the
        runner; when the runner takes a job is the runner's own.
        """
        return [Further(job.submitted_ns, job.started_ns, listed=True) for job in self._further]

    def idle(self, within_s: float) -> bool:
        until = time.monotonic() + within_s
        while self._process.alive:
            if not self._gitlab.jobs.waiting() and self._gitlab.asked_for():
                if not (self._gitlab.refused and self._older_than(_BACKS_OFF_UNTIL)):
                    return True
                # Its next refusal would cost it twice the time: one job after another that is
                # canceled is the lab's doing, not what its users see.
                self._gitlab.refused = False
                self._gitlab.jobs.add(self._options.short(self._gitlab.url))
            if time.monotonic() > until:
                return False
            time.sleep(_LOOK_S)
        return False

    # -- what the fake GitLab hears

    def log(self, job: int, data: bytes) -> None:
        """See ``fakes.gitlab_jobs.Listener``."""
        if self._job is not None and job == self._job.id:
            self._tell.output(data)

    def over(self, final: Final) -> None:
        """See ``fakes.gitlab_jobs.Listener``."""
        if self._job is not None and final.job == self._job.id:
            self._tell.report(_said(final), _words(final), _end(final))

    def _older_than(self, version: tuple[int, ...]) -> bool:
        """A version that is none (somebody's own build) is taken for new."""
        numbers = re.match(r"(\d+)\.(\d+)", self._ground.version)
        return numbers is not None and (int(numbers[1]), int(numbers[2])) < version

    def _check(self) -> None:
        if not self._process.alive:
            raise RunnerError(f"{self._process.ended}, so it takes no job. {self._said()}")

    def _said(self) -> str:
        return f"It said: {self._ground.last_words()}"


def _said(final: Final) -> Said:
    match final.known_as:
        case State.PENDING | State.CANCELING | State.CANCELED:
            return Said.CANCELLED
        case _ if final.failure_reason == "job_canceled":
            return Said.CANCELLED  # forgotten: nobody but the runner says anything of it
        case _:
            return Said.SUCCESS if final.state == State.SUCCESS else Said.FAILED


def _words(final: Final) -> str:
    if final.known_as is State.PENDING:
        return "canceled before a runner took it"
    said = f"state={final.state}"
    if final.failure_reason:
        said += f" failure_reason={final.failure_reason}"
    if final.exit_code is not None:
        said += f" exit_code={final.exit_code}"
    shown = {
        State.CANCELING: "; GitLab shows canceled from now on",
        State.CANCELED: "; answered 403: GitLab has shown canceled since it was asked for",
        State.FORGOTTEN: "; answered 403: GitLab does not know the job any more",
    }
    return said + shown.get(final.known_as, "")


def _end(final: Final) -> End | None:
    """How the job's shell ended; in a cancelled job the runner says nothing of that."""
    if final.state == State.SUCCESS:
        return End(status=0)
    if final.failure_reason == "script_failure" and (final.exit_code or 0) > 0:
        return End(status=final.exit_code)
    return None


def _find(path: Path) -> Found:
    """Ask the program for its version."""
    return Found(path.absolute(), path.absolute(), version_of(path, "GitLab Runner", _VERSION))


def _refuses(program: Path, options: Mapping[str, str]) -> str | None:
    """A build may leave executors out; what is in one is told by the names of its functions."""
    if options.get("executor") != "docker":
        return None
    try:
        with (
            open(program, "rb") as file,
            mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ) as content,
        ):
            if content.find(_OF_DOCKER_EXECUTOR) >= 0:
                return None
    except OSError as error:
        return f"{program} cannot be read: {error.strerror}."
    return f"{program} was built without the docker executor. GitLab's own builds have it."


KIND = Kind(
    name="gitlab-runner",
    programs=("gitlab-runner",),
    get="Install the gitlab-runner package from packages.gitlab.com, or get the binary from "
    "gitlab-runner-downloads.s3.amazonaws.com; no GitLab is needed.",
    find=_find,
    make=GitLabRunner,
    refuses=_refuses,
    in_image="/usr/bin/gitlab-runner",  # its deb puts it there: dockerfiles/runner/ubuntu/Dockerfile
)

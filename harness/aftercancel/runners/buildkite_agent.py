"""The Buildkite agent: ``buildkite-agent start``, with a fake Buildkite for its server.

The source's paths are those of github.com/buildkite/agent, v3.62.0 and v3.137.0.

A job's command is run by ``/bin/bash -e -c`` (``--shell``), which a bootstrap process starts, which
the agent starts. The checkout phase is left out (``--phases command``): there is no repository, and
the job's folder is said to be the checked-out one (``BUILDKITE_BUILD_CHECKOUT_PATH``).

Its way to end a job:

``cancel``
    Its user presses cancel. The agent hears of it in its next question for the job's state (at
    once here, since the fake holds that question open; Buildkite answers, and the agent asks again
    a second later, v3.137.0 with a jitter of up to another one). It sends its cancel signal to the
    bootstrap's process group (agent/run_job.go, ``Cancel``), the bootstrap to the job's
    (internal/job/executor.go), each with KILL to the same group after its grace. The report is
    ``PUT /jobs/ID/finish``; Buildkite then shows *canceled*, whatever the exit status is.

An agent that got TERM or INT goes on until its job is over, and one that got it twice, or QUIT,
cancels the job with ``signal_reason=agent_stop`` (clicommand/agent_start.go): *failed*. One that
got KILL says nothing any more, and its job stays *running* in the fake (Buildkite takes it for lost
when its heartbeats have been missing for minutes).

Options: ``pty`` = ``on`` (the agent's default) or ``off`` (``--no-pty``); ``cancel-grace-period``
and ``signal-grace-period-seconds`` in seconds, as the agent's own options of these names;
``cancel-signal``.
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import shlex
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from aftercancel.errors import RunnerError
from aftercancel.model import End, Said
from aftercancel.runners.ending import MARK, end_marked, end_tree
from aftercancel.runners.fakes.buildkite import FakeBuildkite
from aftercancel.runners.fakes.buildkite_jobs import Final, Job, State
from aftercancel.runners.ground import Ground
from aftercancel.runners.protocol import Found, Further, Kind, Tell, Work
from aftercancel.runners.versions import version_of

_HELP_S = 10.0
_VERSION = re.compile(rb"^buildkite-agent version ([0-9][^\s,+]*)", re.MULTILINE)
_STOP_S = 3.0
_LOOK_S = 0.02
_SOCKETS_LIMIT = 64
"""Bytes of the runner's folder's path. A socket's path has 107 at most (unix(7)), and the agent adds
``/sockets/job-api/PID-NUMBER.sock`` (internal/socket, jobapi/socket.go)."""
_NAME = "aftercancel"
_GRACES = ("cancel-grace-period", "signal-grace-period-seconds", "cancel-signal")


@dataclass(frozen=True, slots=True)
class _Options:
    """A row's options."""

    pty: bool
    own: tuple[tuple[str, str], ...]
    """Those that are handed to the agent as they are."""

    @classmethod
    def of(cls, options: Mapping[str, str]) -> _Options:
        unknown = sorted(set(options) - {"pty", *_GRACES})
        pty = options.get("pty", "on")
        if unknown or pty not in ("on", "off"):
            wrong = f"option {unknown[0]!r}" if unknown else f"pty = {pty!r} (on, off)"
            raise RunnerError(f"buildkite-agent: there is no {wrong}.")
        return cls(pty == "on", tuple((n, options[n]) for n in _GRACES if n in options))


class BuildkiteAgent:
    """One started agent with its fake Buildkite."""

    server: int | None = None

    def __init__(
        self, ground: Ground, options: Mapping[str, str], tell: Tell, start_s: float = 20.0
    ) -> None:
        """``start_s``: by when it must have asked for a job."""
        self._ground = ground
        self._options = _Options.of(options)
        self._tell = tell
        self._start_s = start_s
        self._buildkite = FakeBuildkite(self)
        self._mark = secrets.token_hex(8)
        self.runner: int | None = None
        self._sockets: Path | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._job: Job | None = None
        self._further: list[Job] = []

    # -- its life

    def start(self) -> None:
        self._buildkite.start()
        folder = self._ground.folder
        for made in ("builds", "hooks", "plugins", "sockets"):
            (folder / made).mkdir(exist_ok=True)
        self._ground.give(folder)
        if len(os.fsencode(folder)) > _SOCKETS_LIMIT:
            self._sockets = Path(tempfile.mkdtemp(prefix="agent-"))
            self._ground.give(self._sockets)
        else:
            self._sockets = folder / "sockets"
        self._spawn()

    def start_again(self) -> None:
        if self._alive():
            raise RunnerError("buildkite-agent is still running, so it cannot be started again.")
        self._spawn()

    def _spawn(self) -> None:
        before = self._buildkite.agent
        self._process = self._ground.spawn(
            self._command(self._known_options()), env={MARK: self._mark}
        )
        self.runner = self._process.pid
        until = time.monotonic() + self._start_s
        while self._buildkite.agent == before or not self._buildkite.asked_for_work():
            if not self._alive():
                raise RunnerError(f"{self._ended()} before it asked for a job. {self._said()}")
            if time.monotonic() > until:
                end_tree(self._process.pid)
                raise RunnerError(
                    f"buildkite-agent did not ask for a job within {self._start_s:g} s "
                    f"of its start. {self._said()}"
                )
            time.sleep(_LOOK_S)

    def _known_options(self) -> str:
        """What this version has; they differ."""
        try:
            return subprocess.run(
                [self._ground.program, "start", "--help"],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=_HELP_S,
                check=False,
                encoding="utf-8",
                errors="replace",
            ).stdout
        except (OSError, subprocess.TimeoutExpired) as error:
            raise RunnerError(f"buildkite-agent does not tell its options: {error}.") from None

    def _command(self, known: str) -> list[str | Path]:
        program, folder = self._ground.program, self._ground.folder
        bootstrap = shlex.join([str(program), "bootstrap", "--phases", "command"])
        words: list[str | Path] = [
            *(program, "start", "--token", self._buildkite.token),
            *("--endpoint", self._buildkite.url, "--name", _NAME),
            *("--build-path", folder / "builds", "--hooks-path", folder / "hooks"),
            *("--plugins-path", folder / "plugins", "--sockets-path", self._sockets or folder),
            *("--bootstrap-script", bootstrap),
            # The log as the job wrote it, without marks of time.
            *("--no-color", "--no-ansi-timestamps", "--no-feature-reporting"),
        ]
        if not self._options.pty:
            words.append("--no-pty")
        if "--ping-mode" in known:
            # Else it first tries to have its jobs streamed.
            words += ["--ping-mode", "poll-only"]
        for name, value in self._options.own:
            if f"--{name}" not in known:
                raise RunnerError(
                    f"buildkite-agent {self._ground.version} has no option --{name}; "
                    "take it out of the runner's row, or take another version."
                )
            words.append(f"--{name}={value}")
        return words

    def stop(self) -> None:
        self._buildkite.release()
        process = self._process
        if process is not None and process.poll() is None:
            # QUIT: cancel the job and go. It is not waited for a grace that is longer than this.
            with contextlib.suppress(ProcessLookupError):
                os.kill(process.pid, signal.SIGQUIT)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(_STOP_S)
            if process.poll() is None:
                end_tree(process.pid)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(_STOP_S)
        if process is not None:
            # Of an agent that was killed the bootstrap and the job go on.
            end_marked(self._mark)
        if self._sockets is not None and self._sockets.parent != self._ground.folder:
            shutil.rmtree(self._sockets, ignore_errors=True)
        self._buildkite.stop()

    # -- jobs

    def submit(self, work: Work) -> None:
        self._check()
        command = shlex.join(work.command)
        self._further = []
        self._job = self._buildkite.jobs.add(self._env(command, work.folder, dict(work.env)))

    def _env(self, command: str, folder: str, env: Mapping[str, str]) -> dict[str, str]:
        """A job's variables: its author's, and those that Buildkite sets and the agent needs."""
        return {
            **env,
            "BUILDKITE": "true",
            "CI": "true",
            "BUILDKITE_AGENT_NAME": _NAME,
            "BUILDKITE_BRANCH": "main",
            "BUILDKITE_BUILD_CHECKOUT_PATH": folder,
            "BUILDKITE_COMMAND": command,
            "BUILDKITE_COMMIT": "HEAD",
            "BUILDKITE_ORGANIZATION_SLUG": "organization",
            "BUILDKITE_PIPELINE_PROVIDER": "git",
            "BUILDKITE_PIPELINE_SLUG": "pipeline",
            "BUILDKITE_REPO": "git@git.invalid:organization/pipeline.git",  # wanted, never asked
        }

    def ask(self, way: str) -> None:
        if way != "cancel":
            raise RunnerError(f"buildkite-agent has no way {way!r} to end a job; it has: cancel.")
        if self._job is None:
            raise RunnerError("There is no job that could be cancelled.")
        was = self._buildkite.jobs.cancel(self._job)
        if was in (State.SCHEDULED, State.ASSIGNED):
            self._tell.report(Said.CANCELLED, "canceled before an agent took it")
        elif was.over:
            raise RunnerError(f"The job cannot be cancelled any more: it is {was}.")

    def further(self, number: int) -> None:
        env = self._env("true", str(self._ground.folder), {})
        self._further += [self._buildkite.jobs.add(env) for _ in range(number)]

    def queue(self) -> Sequence[Further]:
        """The queue is Buildkite's, and so the fake's: it loses nothing, whatever becomes of the
        agent; when the agent takes a job is the agent's own.
        """
        return [Further(job.submitted_ns, job.started_ns, listed=True) for job in self._further]

    def idle(self, within_s: float) -> bool:
        until = time.monotonic() + within_s
        while self._alive():
            fake = self._buildkite
            if fake.asked_for_work() and not fake.jobs.unfinished(fake.agent):
                return True
            if time.monotonic() > until:
                return False
            time.sleep(_LOOK_S)
        return False

    # -- what the fake Buildkite hears

    def log(self, job: str, data: bytes) -> None:
        """See ``fakes.buildkite_jobs.Listener``."""
        if self._job is not None and job == self._job.id:
            self._tell.output(data)

    def over(self, final: Final) -> None:
        """See ``fakes.buildkite_jobs.Listener``."""
        if self._job is not None and final.job == self._job.id:
            self._tell.report(_said(final), _words(final), _end(final))

    # -- its process

    def _alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def _check(self) -> None:
        if not self._alive():
            raise RunnerError(f"{self._ended()}, so it takes no job. {self._said()}")

    def _ended(self) -> str:
        status = None if self._process is None else self._process.poll()
        if status is None:
            return "buildkite-agent is not running"
        how = f"with status {status}" if status >= 0 else f"of {signal.Signals(-status).name}"
        return f"buildkite-agent ended {how}"

    def _said(self) -> str:
        return f"It said: {self._ground.last_words()}"


def _said(final: Final) -> Said:
    if final.cancelled:
        return Said.CANCELLED
    return Said.SUCCESS if final.exit_status == "0" else Said.FAILED


def _words(final: Final) -> str:
    said = f"exit_status={final.exit_status}"
    said += f" signal={final.signal}" if final.signal else ""
    said += f" signal_reason={final.signal_reason}" if final.signal_reason else ""
    return said + ("; Buildkite shows canceled from now on" if final.cancelled else "")


def _end(final: Final) -> End | None:
    """The bootstrap's end; without a signal its status is the job's (executor.go, ``Run``)."""
    if final.signal:
        return End(signal=final.signal.removeprefix("SIG"))
    return End(status=int(final.exit_status)) if final.exit_status.isdecimal() else None


def _find(path: Path) -> Found:
    """Ask the program for its version."""
    return Found(path.absolute(), path.absolute(), version_of(path, "Buildkite agent", _VERSION))


KIND = Kind(
    name="buildkite-agent",
    programs=("buildkite-agent",),
    get="Get the binary of a release from github.com/buildkite/agent, or build it: "
    "`go install github.com/buildkite/agent/v3@VERSION`; no Buildkite is needed.",
    find=_find,
    make=BuildkiteAgent,
    in_image="/usr/local/bin/buildkite-agent",  # packaging/docker/alpine/Dockerfile
)

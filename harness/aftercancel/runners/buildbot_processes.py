"""Buildbot's two processes, the master and its worker: found, started on 127.0.0.1, ended."""

from __future__ import annotations

import contextlib
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from aftercancel.errors import RunnerError
from aftercancel.runners.buildbot_config import TWISTD, Ports, files
from aftercancel.runners.buildbot_rest import Rest, Unreachable
from aftercancel.runners.ending import end_tree
from aftercancel.runners.ground import Ground, free_port
from aftercancel.runners.ports import listens, refuse_taken
from aftercancel.runners.protocol import Found

START_S = 60.0
"""Within which both must be there; on two busy cores it takes a tenth of that."""
_ASK_S = 20.0
_STOP_S = 3.0
_END_S = 20.0
_POLL_S = 0.05
_PORTS_TRIED = 3
_PORT_TAKEN = "Address already in use"
_VERSIONS = """
from importlib.metadata import version
import buildbot_worker
print(version("buildbot"), version("buildbot-worker"), version("buildbot-www"))
"""


def find(path: Path) -> Found:
    """What a virtual environment with Buildbot, or a program ``buildbot`` in one, is."""
    path = path.resolve()
    folder = path if path.is_dir() else path.parent.parent
    python = folder / "bin" / "python"
    if not (folder / "pyvenv.cfg").is_file() or not python.exists():
        raise RunnerError(f"{path} is no virtual environment, and in none: the lab moves it whole.")
    try:
        asked = subprocess.run(
            [python, "-I", "-c", _VERSIONS],
            capture_output=True,
            text=True,
            timeout=_ASK_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise RunnerError(f"{python} does not run: {error}") from error
    if asked.returncode != 0:
        last = (asked.stderr.strip().splitlines() or ["nothing"])[-1]
        raise RunnerError(
            f"{folder} has not all of buildbot, buildbot-worker and buildbot-www; it said: {last}"
        )
    return Found(folder / "bin" / "python", folder, asked.stdout.split()[0])


@dataclass
class Processes:
    """A master with its worker; their state is in the ground's folder, and stays."""

    ground: Ground
    step: Mapping[str, object]
    """Arguments of the job's step, beside the job."""
    ports: Ports | None = None
    """None: any that are free."""
    _master: subprocess.Popen[bytes] | None = field(default=None, init=False)
    _worker: subprocess.Popen[bytes] | None = field(default=None, init=False)

    @property
    def master(self) -> int | None:
        """Its process id."""
        return None if self._master is None else self._master.pid

    @property
    def worker(self) -> int | None:
        """Its process id."""
        return None if self._worker is None else self._worker.pid

    @property
    def rest(self) -> Rest:
        assert self.ports is not None
        return Rest(self.ports.http)

    def start(self) -> None:
        """Start both until the worker has logged in; on other ports where one was taken."""
        tries = 1 if self.ports else _PORTS_TRIED
        for attempt in range(1, tries + 1):
            ports = self.ports if tries == 1 else None
            self.ports = ports or Ports(free_port(), free_port())
            self._write(self.ports)
            try:
                self._start()
            except RunnerError as error:
                self.stop()
                if _PORT_TAKEN not in str(error) or attempt == tries:
                    raise
            else:
                return

    def start_again(self) -> None:
        """Start which of them was ended, with the state that it left."""
        until = time.monotonic() + _END_S
        while self.all_run():  # who was told to end may take a while
            if time.monotonic() > until:
                raise RunnerError(
                    f"Neither Buildbot's master nor its worker has ended within {_END_S:.0f} s, so "
                    f"that none is started again. The last words: {self.ground.last_words()}"
                )
            time.sleep(_POLL_S)
        self._start()

    def _start(self) -> None:
        begin = self.ground.log.stat().st_size if self.ground.log.exists() else 0
        until = time.monotonic() + START_S
        if not _runs(self._master):
            assert self.ports is not None
            for port in (self.ports.http, self.ports.worker):
                refuse_taken(port, "Buildbot's master")
            self._master = self._spawn("master")
            self._await_master(begin, until)
        if not _runs(self._worker):
            self._worker = self._spawn("worker")
        while not self._connected():
            self._check(begin)
            if time.monotonic() > until:
                raise self._failure(begin, f"its worker did not log in within {START_S:.0f} s")
            time.sleep(_POLL_S)

    def all_run(self) -> bool:
        """Whether none of the two has ended."""
        return _runs(self._master) and _runs(self._worker)

    def stop(self) -> None:
        """End both, with the jobs that still run below the worker."""
        for process in (self._worker, self._master):
            if process is not None and process.poll() is None:
                end_tree(process.pid, _STOP_S)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(_STOP_S)

    def _write(self, ports: Ports) -> None:
        for name, text in files(ports, self.step).items():
            path = self.ground.folder / name
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8")
            self.ground.give(path.parent)

    def _spawn(self, name: str) -> subprocess.Popen[bytes]:
        # -B: nothing is written beside the program, which in a sandbox is not the runner's.
        argv = [str(self.ground.program), "-B", "-c", TWISTD]
        argv += ["--nodaemon", "--no_save", "--pidfile=", "--python=buildbot.tac"]
        return self.ground.spawn(argv, folder=self.ground.folder / name)

    def _await_master(self, begin: int, until: float) -> None:
        assert self.ports is not None
        for port in (self.ports.worker, self.ports.http):
            while not listens(port):
                self._check(begin)
                if time.monotonic() > until:
                    raise self._failure(begin, f"nobody listens on port {port} of 127.0.0.1")
                time.sleep(_POLL_S)
        self._check(begin)

    def _connected(self) -> bool:
        try:
            workers = self.rest.get("workers", "workers")
        except Unreachable:
            return False
        return any(worker.get("connected_to") for worker in workers)

    def _check(self, begin: int) -> None:
        """Raise where one of them cannot start any more."""
        for name, process in (("master", self._master), ("worker", self._worker)):
            if process is not None and process.poll() is not None:
                raise self._failure(begin, f"its {name} ended with status {process.returncode}")
        if _PORT_TAKEN in self._said_since(begin):
            raise self._failure(begin, _PORT_TAKEN)

    def _failure(self, begin: int, what: str) -> RunnerError:
        said = self._said_since(begin)
        taken = f" ({_PORT_TAKEN})" if _PORT_TAKEN in said and what != _PORT_TAKEN else ""
        return RunnerError(
            f"Buildbot {self.ground.version} did not start: {what}{taken}. It said: "
            f"{said[-600:] or 'nothing'}"
        )

    def _said_since(self, begin: int) -> str:
        with contextlib.suppress(OSError), self.ground.log.open("rb") as log:
            log.seek(begin)
            return log.read().decode("utf-8", "replace").strip()
        return ""


def _runs(process: subprocess.Popen[bytes] | None) -> bool:
    return process is not None and process.poll() is None

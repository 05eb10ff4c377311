"""Semaphore's own process: its version, its configuration and database, its start and its end."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import re
import secrets
import signal
import subprocess
from collections.abc import Mapping
from pathlib import Path

from aftercancel.errors import RunnerError
from aftercancel.runners.ground import Ground, free_port
from aftercancel.runners.protocol import Found
from aftercancel.runners.semaphore_http import Api, until

USER = "lab"
START_S = 20.0
_FIRST_VERSION = (2, 10, 0)
"""The first with tasks that are shell scripts (its release notes)."""
_FIRST_SQLITE = (2, 17, 0)
"""SQLite came with 2.16 (semaphore#3141), BoltDB goes in 2.19 (semaphoreui/charts#31,
semaphore#3876)."""
_VERSION_S = 10.0
_END_S = 3.0


def find(path: Path) -> Found:
    """See ``protocol.Kind``."""
    try:
        asked = subprocess.run(
            [path, "version"], capture_output=True, check=False, timeout=_VERSION_S
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise RunnerError(f"{path} is no Semaphore: {error}.") from None
    words = (asked.stdout + asked.stderr).decode("utf-8", "replace").strip()
    version = version_in(words)
    if asked.returncode != 0 or version is None:
        raise RunnerError(f"{path} is no Semaphore: `version` says {words[-200:]!r}.")
    if version < _FIRST_VERSION:
        raise RunnerError(f"{path} is Semaphore {words}: tasks that are scripts came with 2.10.")
    path = path.absolute()
    return Found(program=path, brought=path, version=".".join(map(str, version)))


def version_in(words: str) -> tuple[int, int, int] | None:
    """Out of ``v2.10.32-f33944e0-1729836000``."""
    found = re.search(r"\bv?(\d+)\.(\d+)\.(\d+)", words)
    return (int(found[1]), int(found[2]), int(found[3])) if found else None


class Server:
    """The process, which serves the API and starts the tasks."""

    def __init__(self, ground: Ground, dialect: str, parallel: int) -> None:
        """``dialect``: of its database; empty: the one that its version is for."""
        self._ground = ground
        version = version_in(ground.version)
        newer = version is not None and version >= _FIRST_SQLITE
        self._dialect = dialect or ("sqlite" if newer else "bolt")
        self._parallel = parallel
        self._config = ground.folder / "config.json"
        self._process: subprocess.Popen[bytes] | None = None
        self.api = Api(free_port())

    @property
    def pid(self) -> int | None:
        return None if self._process is None else self._process.pid

    @property
    def tasks(self) -> Path:
        """Where Semaphore keeps what a task needs; a task's HOME."""
        return self._ground.folder / "tasks"

    def prepare(self, password: str) -> None:
        """Configuration, database, and a user who may do everything."""
        self.tasks.mkdir()
        database = {"host": str(self._ground.folder / f"database.{self._dialect}")}
        keys = ("cookie_hash", "cookie_encryption", "access_key_encryption")
        config = {
            self._dialect: database,
            "dialect": self._dialect,
            "interface": "127.0.0.1",
            "port": f":{self.api.port}",
            "tmp_path": str(self.tasks),
            "git_client": "cmd_git",
            "max_parallel_tasks": self._parallel,
            **{key: base64.b64encode(secrets.token_bytes(32)).decode() for key in keys},
        }
        self._config.write_text(json.dumps(config, indent=1), encoding="utf-8")
        self._config.chmod(0o600)
        self._ground.give(self._ground.folder)
        self._add_user(password)

    def _add_user(self, password: str) -> None:
        """Which makes the database as well."""
        words = ["user", "add", "--admin", "--login", USER, "--name", USER]
        words += ["--email", f"{USER}@localhost", "--password", password]
        adding = self._ground.spawn([self._ground.program, *words, "--config", self._config])
        try:
            status: int | str = adding.wait(START_S)
        except subprocess.TimeoutExpired:
            adding.kill()
            adding.wait()
            status = f"no end within {START_S:.0f} s"
        if status != 0:
            raise RunnerError(
                f"Semaphore's `user add` does not do it ({status}); it said: "
                f"{self._ground.last_words()}"
            )

    def serve(self, env: Mapping[str, str]) -> None:
        """Start it, for the first time or again, until it answers."""
        if self._process is not None:
            self._process.wait()
        self.api.close()
        self._process = self._ground.spawn(
            [self._ground.program, "server", "--config", self._config], env=env
        )
        if not until(lambda: self.ended() or self.api.ping(), START_S):
            raise RunnerError(f"Semaphore does not answer within {START_S:.0f} s of its start.")
        if self.ended():
            raise RunnerError("Semaphore does not stay.")

    def ended(self) -> bool:
        """Whether it is not there. It is not waited for, so that its number stays its."""
        if self._process is None:
            return True
        try:
            flags = os.WEXITED | os.WNOHANG | os.WNOWAIT
            return os.waitid(os.P_PID, self._process.pid, flags) is not None
        except ChildProcessError:
            return True

    def end(self) -> None:
        """By TERM, by KILL where it hangs; and its tasks, which are in its process group."""
        self.api.close()
        process = self._process
        if process is None:
            return
        process.terminate()
        until(self.ended, _END_S)
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        self._process = None

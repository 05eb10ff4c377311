"""What the fake Semaphore keeps, and what it does with its tasks; see ``fakes.semaphore``."""

from __future__ import annotations

import json
import shutil
import subprocess
import threading
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

_FIRST_TASK = 2147483646
_PROGRAMS = {"bash": "bash", "python": "python3", "ansible": "ansible-playbook"}
_OVER = ("success", "error", "stopped")


def now() -> str:
    """As Go writes it."""
    return datetime.now(UTC).isoformat().replace("+00:00", "Z")


class Refused(Exception):
    """An answer that is no success."""

    def __init__(self, status: int, words: str = "") -> None:
        super().__init__(words)
        self.status = status


class State:
    """What the database keeps: users, tokens, things by kind and number."""

    def __init__(self, path: Path) -> None:
        self._path = path
        kept: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
        self.users: dict[str, str] = kept.get("users", {})
        self.tokens: list[str] = kept.get("tokens", [])
        self.things: dict[str, dict[str, dict[str, Any]]] = kept.get("things", {})
        self.lock = threading.RLock()

    def save(self) -> None:
        with self.lock:
            kept = {"users": self.users, "tokens": self.tokens, "things": self.things}
            new = self._path.with_suffix(".new")
            new.write_text(json.dumps(kept))
            new.replace(self._path)

    def all(self, kind: str) -> dict[str, dict[str, Any]]:
        return self.things.setdefault(kind, {})

    def add(self, kind: str, fields: Mapping[str, Any]) -> dict[str, Any]:
        with self.lock:
            there = self.all(kind)
            number = _FIRST_TASK - len(there) if kind == "tasks" else len(there) + 1
            made = {**fields, "id": number}
            there[str(number)] = made
            self.save()
            return made


class Tasks:
    """The queue, and the tasks that run; both are gone with the process."""

    def __init__(self, state: State, home: str) -> None:
        self._state = state
        self._home = home
        self._queue: list[int] = []
        self._running: dict[int, subprocess.Popen[bytes] | None] = {}

    def add(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        with self._state.lock:
            template = self._state.all("templates").get(str(fields.get("template_id")))
            if template is None:
                raise Refused(500)
            task = self._state.add(
                "tasks",
                {
                    "template_id": template["id"],
                    "project_id": 1,
                    "status": "waiting",
                    "created": now(),
                    "start": None,
                    "end": None,
                    "template": dict(template),
                    "log": [],
                },
            )
            self._log(task, f"Task {task['id']} added to queue")
            self._queue.append(task["id"])
            return task

    def stop(self, task: dict[str, Any], *, force: bool) -> None:
        with self._state.lock:
            number, before = task["id"], task["status"]
            known = number in self._queue or number in self._running
            self._set(task, "stopped" if force or not known else "stopping")
            process = self._running.get(number)
            if before == "running" and process is not None and process.poll() is None:
                process.kill()

    def tick(self) -> None:
        with self._state.lock:
            if not self._queue:
                return
            number = self._queue.pop(0)
            task = self._state.all("tasks")[str(number)]
            if any(self._same_template(task, other) for other in self._running):
                self._queue.append(number)
                return
            self._running[number] = None
        threading.Thread(target=self._run, args=(task,), daemon=True).start()

    def _same_template(self, task: Mapping[str, Any], number: int) -> bool:
        other = self._state.all("tasks")[str(number)]
        return other["status"] not in _OVER and other["template_id"] == task["template_id"]

    def _run(self, task: dict[str, Any]) -> None:
        if task["status"] == "stopping":
            self._set(task, "stopped")
        else:
            self._set(task, "starting")
            self._log(task, f"Started: {task['id']}")
            self._set(task, "running")
            error = self._run_script(task)
            if error:
                self._log(task, f"Running app failed: {error}")
                self._set(task, "error")
            elif task["status"] == "running":
                self._set(task, "success")
        with self._state.lock:
            del self._running[task["id"]]
            task["end"] = now()
            self._state.save()

    def _run_script(self, task: dict[str, Any]) -> str:
        template = task["template"]
        folder = self._state.all("repositories")[str(template["repository_id"])]["git_url"]
        variables = self._state.all("environment")[str(template["environment_id"])]["env"]
        name = _PROGRAMS[template["app"]]
        program = shutil.which(name)
        if program is None:
            return f'exec: "{name}": executable file not found in $PATH'
        process = subprocess.Popen(
            [name, template["playbook"]],
            executable=program,
            cwd=folder,
            env={"HOME": self._home, "PWD": folder, **json.loads(variables)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        with self._state.lock:
            self._running[task["id"]] = process
        reader = threading.Thread(target=self._copy, args=(task, process), daemon=True)
        reader.start()
        status = process.wait()
        # Others may hold the pipe open for ever; Go's Wait closes it without a question.
        reader.join(0.1)
        if status < 0:
            return "signal: killed" if status == -9 else f"signal: {-status}"
        return f"exit status {status}" if status else ""

    def _copy(self, task: dict[str, Any], process: subprocess.Popen[bytes]) -> None:
        assert process.stdout is not None
        for line in process.stdout:
            self._log(task, line.decode("utf-8", "replace").rstrip("\n"))

    def _log(self, task: dict[str, Any], line: str) -> None:
        with self._state.lock:
            record = {"task_id": task["id"], "task": "", "time": now(), "output": line}
            task["log"].append(record)

    def _set(self, task: dict[str, Any], status: str) -> None:
        """As TaskRunner_logging.go, SetStatus: *stopped* stays, *stopping* does not run again."""
        with self._state.lock:
            before = task["status"]
            if before == "stopped" or (before == "stopping" and status in {"waiting", "running"}):
                return
            task["status"] = status
            if status == "running":
                task["start"] = now()
            self._state.save()

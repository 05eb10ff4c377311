"""Semaphore UI: ``semaphore server`` with a database of its own, driven over its HTTP API.

The source's paths are those of github.com/semaphoreui/semaphore, version 2.10.32, which this was run
against; of later versions only sources were read.

Ways to end a job:

``stop``
    The button: ``POST …/stop {"force":false}``. 2.10.32 sends SIGKILL to the task's first process
    and to nothing else (services/tasks/LocalJob.go, ``Kill``), and shows *stopping* until that has
    been waited for, then *error* (TaskRunner.go, ``run``: Go's ``signal: killed`` is an error like
    any other): the report is FAILED. Later versions say *stopped* (there: ``IsKilled``).
``force-stop``
    The button once more: ``{"force":true}``. *stopped* is shown at once; then the same SIGKILL.
``stop-empty-body``
    What a script does that forgets the body: 2.10.32 answers 400 and stops nothing.

How soon a task starts: 2.10.32 looks at its queue every 5 s, counted from the server's start, and
takes one task out of it each time (TaskPool.go, ``Run``). Tasks of one template run one at a time.

A task that waits and is stopped is never started, if by ``stop``; by ``force-stop`` it says *stopped*
at once and is run all the same when its turn comes (``TaskRunner.run`` looks for *stopping* only).

2.10.32 closes a task's pipes as soon as its first process has ended (os/exec, ``Wait``): what stood
in them is not in the log (of a job that ends at once its only line may be missing), and who writes
to them later gets SIGPIPE.

The server starts tasks itself, so it is the runner too. Its end by TERM or KILL is the same: at
once, without a signal to any task, whose first process lives on. Queue and running tasks are kept in
its memory only: after a new start the database still says *running* and *waiting* of them, for ever.

The template's repository is a local one (``git_url`` is a path: used as it is, without git,
db/Repository.go, ``GetType``) with one small file for each job, since a later server takes no file
outside of the repository (semaphore#4012): ``cd FOLDER && exec COMMAND``, which Semaphore starts as
``bash FILE`` (ShellApp.go, ``makeShellCmd``). So the task's first process becomes the job's, as if
the job's own file stood there, and what a script reads of its own path is true. The job's variables
are those of the template's environment. Semaphore gives a task these, HOME (its own folder for
temporary files) and PWD; in 2.10.32 no PATH (``makeCmd``).

With ``app = "ansible"`` the job is the one task of a playbook, a command on this machine, and the
first process is ansible-playbook, with a terminal for its input (AnsiblePlaybook.go). It is found in
PATH, or, with ``ansible = FOLDER``, in that virtual environment.
"""

from __future__ import annotations

import json
import secrets
import shlex
import time
from collections.abc import Mapping, Sequence

from aftercancel.errors import RunnerError
from aftercancel.runners.ground import Ground
from aftercancel.runners.protocol import Further, Kind, Tell, Work
from aftercancel.runners.semaphore_http import Following, SemaphoreTask, until
from aftercancel.runners.semaphore_server import START_S, USER, Server, find, version_in

_SETTLED_S = 1.0
_PARALLEL = "10"
"""Semaphore's own default (util/config.go, max_parallel_tasks)."""
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_STOPS: dict[str, dict[str, object] | None] = {
    "stop": {"force": False},
    "force-stop": {"force": True},
    "stop-empty-body": None,
}
_CHOICES = {"dialect": ("bolt", "sqlite"), "app": ("bash", "ansible")}


class Semaphore:
    """One server with one user and one project."""

    runner: int | None = None
    server: int | None = None

    def __init__(self, ground: Ground, options: Mapping[str, str], tell: Tell) -> None:
        self._ground = ground
        self._tell = tell
        _check(options)
        self._app = options.get("app", "bash")
        self._ansible = options.get("ansible", "")
        parallel = int(options.get("parallel", _PARALLEL))
        self._process = Server(ground, options.get("dialect", ""), parallel)
        self._api = self._process.api
        self._following: Following | None = None
        self._project = self._inventory = self._repository = 0
        self._count = 0
        self._template: dict[str, object] = {}
        self._task = 0
        self._awaited = False
        """Whether the job's report will come: not after the end of the server that started it."""
        self._live: set[int] = set()
        """Tasks of the server that runs now: an earlier one's are never continued."""
        self._further: list[tuple[int, int]] = []
        self._jobs = ground.folder / "jobs"
        self._programs = ground.folder / "programs"

    # -- start and end

    def start(self) -> None:
        """See ``protocol.Adapter``."""
        for folder in (self._jobs, self._programs):
            folder.mkdir()
        if self._ansible:
            self._give_ansible()
        password = secrets.token_urlsafe(12)
        try:
            self._process.prepare(password)
            self._serve()
            self._api.log_in(USER, password)
            self._check_version()
            self._make_project()
        except RunnerError as error:
            gone = " Its process is gone." if self._process.ended() else ""
            self.stop()
            raise RunnerError(f"{error}{gone} Its log: {self._ground.last_words()}") from None

    def start_again(self) -> None:
        """See ``protocol.Adapter``."""
        if not until(self._process.ended, START_S):
            raise RunnerError("Semaphore was to be started again and still runs.")
        self._live.clear()
        self._awaited = False
        self._serve()

    def stop(self) -> None:
        """See ``protocol.Adapter``."""
        following, self._following = self._following, None
        if following is not None:
            following.cease()
        self.runner = self.server = None
        # Its end also ends a question that it does not answer.
        self._process.end()
        if following is not None:
            following.end()

    def _serve(self) -> None:
        self._process.serve({"PATH": f"{self._programs}:{_PATH}"} if self._ansible else {})
        self.runner = self.server = self._process.pid

    def _check_version(self) -> None:
        said = self._api.version()
        version = version_in(said)
        if version is not None and ".".join(map(str, version)) != self._ground.version:
            raise RunnerError(f"The server says that it is {said}, not {self._ground.version}.")

    def _make_project(self) -> None:
        project = {"name": "lab", "alert": False, "max_parallel_tasks": 0}
        self._project = self._api.make("/projects", project)
        no_key = self._api.no_key(self._project)
        self._repository = self._make(
            "repositories",
            name="jobs",
            git_url=str(self._jobs),
            git_branch="main",
            ssh_key_id=no_key,
        )
        self._inventory = self._make(
            "inventory",
            name="this-machine",
            type="static",
            inventory="localhost ansible_connection=local "
            "ansible_python_interpreter=/usr/bin/python3",
            ssh_key_id=no_key,
        )

    def _make(self, what: str, **fields: object) -> int:
        fields["project_id"] = self._project
        return self._api.make(f"/project/{self._project}/{what}", fields)

    # -- a job

    def submit(self, work: Work) -> None:
        """See ``protocol.Adapter``."""
        if self._following is not None:
            self._following.end()
        self._further = []
        self._count += 1
        environment = self._make(
            "environment",
            name=f"variables-{self._count}",
            json="{}",
            env=json.dumps(dict(work.env)),
        )
        self._template = {
            "project_id": self._project,
            "name": f"{self._count} {work.name}",
            "app": self._app,
            "playbook": self._file(str(self._count), work.command, work.folder),
            "inventory_id": self._inventory,
            "repository_id": self._repository,
            "environment_id": environment,
            # Later versions read the list (db/Template.go, EnvironmentIDs).
            "environment_ids": [environment],
            "type": "",
            "arguments": "[]",
            "allow_override_args_in_task": False,
            "allow_parallel_tasks": False,
            "survey_vars": [],
            "vaults": [],
        }
        self._template["id"] = self._make("templates", **self._template)
        self._task = self._run()
        self._following = Following(
            self._api, self._project, self._task, self._tell, job=self._app != "ansible"
        )
        self._following.start()
        self._awaited = True

    def _run(self) -> int:
        template = self._template["id"]
        assert isinstance(template, int)
        task = self._api.run(self._project, template)
        self._live.add(task)
        return task

    def _file(self, name: str, command: Sequence[str], folder: str) -> str:
        """Put what starts this command into the repository; its path in there."""
        if self._app == "ansible":
            # JSON is YAML.
            task = {"name": "job", "ansible.builtin.command": {"argv": [*command], "chdir": folder}}
            plays = [{"hosts": "localhost", "gather_facts": False, "tasks": [task]}]
            name, text = f"{name}.yml", json.dumps(plays, indent=1)
        else:
            name, text = f"{name}.sh", f"cd {shlex.quote(folder)} && exec {shlex.join(command)}"
        path = self._jobs / name
        path.write_text(text + "\n", encoding="utf-8")
        path.chmod(0o644)
        return name

    def _give_ansible(self) -> None:
        """Semaphore finds ansible-playbook in PATH; a virtual environment has moved meanwhile, so
        its own scripts, whose first line names its interpreter, would not do.
        """
        python = shlex.quote(f"{self._ansible}/bin/python")
        for name in ("playbook", "galaxy"):
            program = self._programs / f"ansible-{name}"
            program.write_text(f'#!/bin/sh\nexec {python} -m ansible {name} "$@"\n')
            program.chmod(0o755)

    def ask(self, way: str) -> None:
        """See ``protocol.Adapter``."""
        if way not in _STOPS:
            raise RunnerError(f"Semaphore knows no way {way!r} to end a task.")
        self._api.stop(self._project, self._task, _STOPS[way])

    # -- the queue

    def further(self, number: int) -> None:
        """See ``protocol.Adapter``. The template's script is exchanged for a short one first; the
        task that runs has its own copy of the template (TaskPool.go, ``AddTask``).
        """
        template = {**self._template, "playbook": self._file("short", ["true"], "/")}
        path = f"/project/{self._project}/templates/{template['id']}"
        self._api.call("PUT", path, template, expect=(200, 204))
        for _ in range(number):
            self._further.append((self._run(), time.monotonic_ns()))

    def queue(self) -> list[Further]:
        """See ``protocol.Adapter``."""
        known = self._api.tasks(self._project)
        # When a task started stands in the database, by the clock on the wall.
        wall_ns = time.time_ns() - time.monotonic_ns()
        return [_further(known.get(number), at_ns, wall_ns) for number, at_ns in self._further]

    def idle(self, within_s: float) -> bool:
        """See ``protocol.Adapter``."""
        over_since: dict[int, float] = {}

        def idle() -> bool:
            try:
                known = self._api.tasks(self._project)
            except RunnerError:
                return False  # it may be about to end, or to come
            for number in [*self._live]:
                task = known.get(number)
                if task is not None and task.over:
                    over_since.setdefault(number, time.monotonic())
                    # A task that was stopped by force is still waited for by the server; one
                    # that was stopped before it started may never get an end.
                    settled = time.monotonic() - over_since[number] > _SETTLED_S
                    if task.ended or settled:
                        self._live.discard(number)
            following = self._following
            told = not self._awaited or following is None or following.reported
            return told and not self._live

        return not self._process.ended() and until(idle, within_s, 0.05)


def _further(task: SemaphoreTask | None, submitted_ns: int, wall_ns: int) -> Further:
    started = task.started_s if task is not None else None
    return Further(
        submitted_ns=submitted_ns,
        started_ns=None if started is None else int(started * 1e9) - wall_ns,
        listed=task is not None,
    )


def _check(options: Mapping[str, str]) -> None:
    for name, value in options.items():
        if name not in {*_CHOICES, "parallel", "ansible"}:
            raise RunnerError(f"Semaphore's adapter has no option {name!r}.")
        if name in _CHOICES and value not in _CHOICES[name]:
            allowed = " or ".join(_CHOICES[name])
            raise RunnerError(f"{name} is {allowed}, not {value!r}.")
    parallel = options.get("parallel", _PARALLEL)
    if not parallel.isdecimal() or int(parallel) < 1:
        raise RunnerError(f"parallel is a number of tasks, not {parallel!r}.")


KIND = Kind(
    name="semaphore",
    programs=("semaphore",),
    get="Semaphore UI's binary, from github.com/semaphoreui/semaphore/releases or out of the image "
    "semaphoreui/semaphore (/usr/local/bin/semaphore); 2.10 or later.",
    find=find,
    make=Semaphore,
    in_image="/usr/local/bin/semaphore",  # deployment/docker/server/Dockerfile
)

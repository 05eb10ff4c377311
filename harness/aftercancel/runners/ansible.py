"""ansible-playbook, and ansible-runner, which starts it in a terminal; started for each job.

They are what Semaphore and AWX start. The playbook has one task, ``ansible.builtin.command`` with
the job's command line, on ``localhost`` with ``connection: local``.

The job runs far below: a worker of ansible-playbook's own, in a session of its own since
ansible-core 2.19 (executor/process/worker.py, ``_detach``), starts sh, sh, python (the module),
and that the job. Nobody prints what the job prints before the task is over.

Neither has a way of its own to end a job but signals. ansible-playbook passes TERM and INT on to
its workers and then dies of TERM, or says ``User interrupted execution`` and exits with 99
(executor/task_queue_manager.py, ``_signal_handler``). ansible-runner notes TERM and INT, looks at
that note every five seconds at the latest (``pexpect_timeout``), and kills the process group of
ansible-playbook by KILL (ansible_runner/runner.py, ``run`` and ``handle_termination``).

The source's paths are those of ansible-core 2.19.14 and ansible-runner 2.4.3.
"""

from __future__ import annotations

import contextlib
import json
import re
import shlex
import signal
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from aftercancel.errors import RunnerError
from aftercancel.model import End, Said
from aftercancel.runners.ground import Ground
from aftercancel.runners.one_shot import OneShot, Start, Verdict
from aftercancel.runners.protocol import Found, Kind, Tell, Work

_INTERPRETER = "/usr/bin/python3"
"""Of the module, on the host that it runs on."""
_VERSION_S = 20.0
_WORDS = re.compile(
    r"^(?:fatal|changed|ok): \[localhost\]|User interrupted execution|non-zero return code"
    r"|^localhost +:.*?(?= *$)",
    re.MULTILINE,
)
_INTERRUPTED = 99
"""Exit status after INT (cli/__init__.py, ``cli_executor``, KeyboardInterrupt)."""
_CANCELED = 254
"""ansible-runner's, for a job that was cancelled or ran out of time (runner.py, ``run``)."""
_RC = re.compile(r'"rc": (-?\d+)')
"""The task's return code; negative: a signal (module_utils/basic.py, ``run_command``)."""


class _Playbook:
    """``ansible-playbook``; see ``one_shot.Craft``."""

    name = "ansible-playbook"

    def __init__(self, ground: Ground, options: Mapping[str, str]) -> None:
        if options:
            raise RunnerError(f"{self.name}: there is no option {min(options)!r}.")
        self._ground = ground
        self._project = ground.folder / "project"

    def arrange(self) -> None:
        self._project.mkdir(exist_ok=True)

    def begin(self, work: Work) -> Start:
        self._write(work)
        words = (
            *self._words("ansible", "playbook"),
            *("-i", "localhost,", "-e", f"ansible_python_interpreter={_INTERPRETER}"),
            *("-v", "job.yml"),
        )
        return Start(words, self._env(), self._project)

    def verdict(self, status: int, log: str) -> Verdict:
        words = _said(self.name, status, log)
        if status == 0:
            return Verdict(Said.SUCCESS, words, End(status=0))
        said = Said.CANCELLED if status == _INTERRUPTED else Said.FAILED
        return Verdict(said, words, _end(log))

    def _write(self, work: Work) -> None:
        # Every JSON document is YAML too, and ansible-playbook tries JSON first (DataLoader.load).
        text = json.dumps([_play(work)], indent=1)
        (self._project / "job.yml").write_text(text, encoding="utf-8")

    def _env(self) -> dict[str, str]:
        home = str(self._ground.folder / "ansible")
        return {
            "ANSIBLE_FORCE_COLOR": "0",
            "ANSIBLE_HOME": home,
            # Else below the user's home, where it would count as left behind by the job.
            "ANSIBLE_LOCAL_TEMP": f"{home}/tmp",
            "ANSIBLE_LOCALHOST_WARNING": "0",
            "ANSIBLE_NOCOLOR": "1",
            "ANSIBLE_REMOTE_TEMP": f"{home}/tmp",
        }

    def _words(self, module: str, *words: str) -> tuple[str | Path, ...]:
        """What starts the program: of a virtual environment its Python, since the scripts there
        begin with a path that is another one in a sandbox.
        """
        program = self._ground.program
        return (program, "-m", module, *words) if _is_python(program) else (program,)


class _Runner(_Playbook):
    """``ansible-runner run DIR -p job.yml``."""

    name = "ansible-runner"

    def arrange(self) -> None:
        super().arrange()
        folder = self._ground.folder
        for made in ("inventory", "env", "bin"):
            (folder / made).mkdir(exist_ok=True)
        (folder / "inventory" / "hosts").write_text("localhost\n", encoding="utf-8")
        extra = {"ansible_python_interpreter": _INTERPRETER}
        (folder / "env" / "extravars").write_text(json.dumps(extra), encoding="utf-8")
        if _is_python(self._ground.program):
            # It looks for ansible-playbook in PATH.
            there = folder / "bin" / "ansible-playbook"
            words = shlex.join(str(word) for word in self._words("ansible", "playbook"))
            there.write_text(f'#!/bin/sh\nexec {words} "$@"\n', encoding="utf-8")
            there.chmod(0o755)

    def begin(self, work: Work) -> Start:
        self._write(work)
        words = (
            *(*self._words("ansible_runner"), "run", self._ground.folder),
            *("-p", "job.yml", "-v", "--rotate-artifacts", "1"),
        )
        env = self._env()
        path = f"{self._ground.folder}/bin:/usr/local/bin:/usr/bin:/bin"
        return Start(words, env | {"PATH": path}, self._project)

    def verdict(self, status: int, log: str) -> Verdict:
        words = _said(self.name, status, log)
        if status == 0:
            return Verdict(Said.SUCCESS, words, End(status=0))
        return Verdict(Said.CANCELLED if status == _CANCELED else Said.FAILED, words, _end(log))


def _play(work: Work) -> dict[str, Any]:
    """The playbook's only play."""
    for word in (*work.command, *(value for _, value in work.env)):
        if "{{" in word or "{%" in word:
            raise RunnerError(f"Ansible would take {word!r} of the job's command for a template.")
    return {
        "name": "job",
        "hosts": "localhost",
        "connection": "local",
        "gather_facts": False,
        "tasks": [
            {
                "name": work.name,
                "ansible.builtin.command": {
                    "argv": list(work.command),
                    "chdir": work.folder,
                    # The words are the job's own, dollar signs and all.
                    "expand_argument_vars": False,
                },
                "environment": dict(work.env),
            }
        ],
    }


def _said(name: str, status: int, log: str) -> str:
    own = (" ".join(word.split()) for word in dict.fromkeys(_WORDS.findall(log)))
    return "; ".join([f"{name} ended with status {status}", *own])


def _end(log: str) -> End | None:
    found = _RC.search(log)
    if found is None:
        return None
    code = int(found[1])
    if code >= 0:
        return End(status=code)
    try:
        return End(signal=signal.Signals(-code).name.removeprefix("SIG"))
    except ValueError:
        return None


def _is_python(program: Path) -> bool:
    return program.name.startswith("python")


def _maker(craft: type[_Playbook]) -> Callable[[Ground, Mapping[str, str], Tell], OneShot]:
    return lambda ground, options, tell: OneShot(ground, tell, craft(ground, options))


def _finder(program: str, *packages: str) -> Callable[[Path], Found]:
    """A virtual environment, a program in one, or a program that the system has. The version is
    that of the first package, with the second's behind it.
    """

    def find(path: Path) -> Found:
        folder = path if path.is_dir() else path.absolute().parent.parent
        if not (folder / "pyvenv.cfg").is_file():
            return _system(path, program, packages)
        python = folder.absolute() / "bin" / "python"
        version = _asked((python, "-I", "-c", _ASK, *packages), path, program)
        return Found(python, folder.absolute(), version)

    return find


_ASK = "import sys, importlib.metadata as m; print(*map(m.version, sys.argv[1:]), sep='-core')"


def _system(path: Path, program: str, packages: tuple[str, ...]) -> Found:
    """Debian's: a script that begins with the system's Python."""
    first = ""
    with contextlib.suppress(OSError), path.open("rb") as file:
        first = file.readline(200).decode("utf-8", "replace")
    if path.name != program or not first.startswith("#!/usr/bin/python3"):
        raise RunnerError(
            f"{path} is no {program}: neither a virtual environment nor a script of "
            "/usr/bin/python3 with that name."
        )
    version = _asked(("/usr/bin/python3", "-c", _ASK, *packages), path, program)
    return Found(path.absolute(), path.absolute(), version)


def _asked(argv: tuple[str | Path, ...], path: Path, program: str) -> str:
    try:
        said = subprocess.run(
            argv,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_VERSION_S,
            check=False,
            encoding="utf-8",
            errors="replace",
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise RunnerError(f"{path} has no {program}: {error}") from None
    if said.returncode or not said.stdout.strip():
        words = said.stderr.strip().splitlines()[-1:]
        raise RunnerError(f"{path} has no {program}: {' '.join(words) or 'it said nothing'}.")
    return said.stdout.strip()


_GET = (
    "`scripts/runners.sh ansible`, or a virtual environment of your own with "
    "`pip install ansible-core ansible-runner`."
)
PLAYBOOK = Kind(
    name="ansible-playbook",
    programs=("ansible-playbook", "ansible"),
    get=_GET,
    find=_finder("ansible-playbook", "ansible-core"),
    make=_maker(_Playbook),
)
RUNNER = Kind(
    name="ansible-runner",
    programs=("ansible-runner", "ansible"),
    get=_GET,
    find=_finder("ansible-runner", "ansible-runner", "ansible-core"),
    make=_maker(_Runner),
)

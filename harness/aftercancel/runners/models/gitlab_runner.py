"""GitLab Runner, the shell executor; with the option ``executor = "custom"``, the custom executor.

Follows gitlabhq/gitlab-runner @d79f3e7b8 (2026-08-22, 19.4): helpers/process/killer.go,
KillAndWait, and killer_unix.go; executors/shell/shell.go, Run; executors/custom/command/command.go,
Run; shells/bash.go, BashWriter.Finish (l.416) and BashShell.GetConfiguration.

The script goes to ``bash -l`` (the option ``shell``: or ``sh``) on its input, to a custom driver as a
file, in a wrapper with a trap, which evaluates it in a subshell. A process group of its own; TERM
to it; KILL to it only if ``Wait`` has not returned 10 minutes later (of the custom executor it can
be set, the options ``graceful_kill_timeout`` and ``force_kill_timeout``). Wait returns when the
first process has ended and nobody holds its output open any more. ``canceled`` is given up earlier.
A job of that same shell without flags is evaluated as text, as users write it; any other is called.

Left out: after_script, in which ``canceling`` and ``canceled`` differ too; the coordinator's polling;
su (``install --user``). The custom executor's driver is taken to exec the shell.
"""

from __future__ import annotations

import shlex

from aftercancel.model import Said
from aftercancel.runners.models.pattern import (
    Given,
    Job,
    Leads,
    Life,
    Model,
    Start,
    Until,
    by_status,
)

GRACE_S = 600.0  # killer.go l.17, GracefulTimeout
KILL_S = 10.0  # killer.go l.21, KillTimeout
ABORTED_S = 300.0  # common/consts.go l.39, WaitForBuildFinishTimeout
TRAP = "trap 'exit 1' TERM"  # bash.go l.89
# bash.go l.420-449, BashWriter.Finish
SCRIPT = (
    "#!/usr/bin/env {shell}\n\n"
    "{trap}\n\n"
    'case "$(set -o)" in *"pipefail"*) set -o pipefail;; esac; set -o errexit\n'
    "set +o noclobber\n"
    "({trap}; eval {script}) < /dev/null\n"
    "exit 0\n"
)
SHELLS = {"bash": ("bash",), "sh": ("sh", "dash")}  # what /bin/sh is on Debian


def start(given: Given) -> Start:
    shell = given.options.get("shell", "bash")
    text = f"cd {shlex.quote(given.cwd)}\n{_script(given.argv, shell)}"
    script = SCRIPT.format(shell=shell, trap=TRAP, script=shlex.quote(text))
    if given.options.get("executor") == "custom":
        path = f"{given.folder}/script"
        return Start((shell, path), Leads.GROUP, files={path: script})
    return Start((shell, "-l"), Leads.GROUP, input=script.encode())


def _script(argv: tuple[str, ...], shell: str) -> str:
    program, *words = argv
    if program.rsplit("/", 1)[-1] in SHELLS[shell] and len(words) == 1:
        with open(words[0], "rb") as file:
            return file.read().decode()
    return shlex.join(argv) + "\n"


def life(job: Job) -> Life:
    def waited() -> bool:
        return job.ended and job.eof

    def give_up() -> Life:
        yield Until(waited, ABORTED_S)
        job.report(Said.CANCELLED)

    yield Until(lambda: bool(job.way) or waited())
    if waited():
        job.report(by_status(job))
        return
    if job.way == "canceled":
        job.meanwhile(give_up())
    if not job.send("TERM", -job.pid):
        job.send("KILL", -job.pid)
    if not (yield Until(waited, job.seconds("graceful_kill_timeout", GRACE_S))):
        job.send("KILL", -job.pid)
        yield Until(waited, job.seconds("force_kill_timeout", KILL_S))
    job.report(Said.CANCELLED)


MODEL = Model("gitlab_runner", ("canceling", "canceled"), start, life)

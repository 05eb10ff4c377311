"""Jenkins Pipeline, the step ``sh``.

Follows jenkinsci/durable-task-plugin @8dcdaa8 (2026-07-13): BourneShellScript.java,
scriptLauncherCmd (l.218); FileMonitoringTask.java, stop (l.484);
jenkinsci/workflow-durable-task-step-plugin @46cb22ff (2026-05-12): DurableTaskStep.java, stop
(l.505), check (l.577), handleExit (l.680). The walk over /proc is in ``process_tree``.

The job is started by a shell whose own parent has left: nohup ignores HUP, ``&`` without job control
ignores INT and QUIT. The runner knows of its end by a file, and of its output by another, both
looked at now and then. ``stop`` asks /proc for whoever carries the cookie; the wrapper does not.
An abort stays one, whatever the script's exit status (since 1479.v56e587f413a_7; before that, with
the option ``exit-status = "wins"``, one of 0 made the step succeed).

Left out: the copy of the script is made, but what runs is the job's own file, by which the lab
knows it; returnStdout; agents on other machines; the binary wrapper (off by default).
"""

from __future__ import annotations

import contextlib
import os
import shlex

from aftercancel.model import Said
from aftercancel.runners.models.pattern import Given, Job, Leads, Life, Model, Start, Until
from aftercancel.runners.models.process_tree import SOFT_KILL_S, kill_all

REMOTE_TIMEOUT_S = 20.0  # DurableTaskStep.java l.215
FIRST_PERIOD_S, LONGEST_PERIOD_S, BACKOFF = 0.25, 15.0, 1.2  # l.265-267
COOKIE_NAME, COOKIE = "JENKINS_SERVER_COOKIE", "durable-0a1b2c3d"
CONTROL = "durable-4e5f6789"
# BourneShellScript.java l.249, with what its arguments are called in place of %s
SCRIPT = (
    "cp '{script}' '{script}.copy'; "
    "{{ while [ -d '{control}' -a \\! -f '{result}' ]; do touch '{log}'; sleep 3; done }} & "
    "jsc={cookie}; {name}=$jsc {job} > '{log}' 2>&1; "
    "echo $? > '{result}.tmp'; mv '{result}.tmp' '{result}'; wait"
)


def _paths(folder: str) -> tuple[str, str, str, str]:
    control = f"{folder}/{CONTROL}"
    return (
        control,
        f"{control}/script.sh",
        f"{control}/jenkins-log.txt",
        f"{control}/jenkins-result.txt",
    )


def start(given: Given) -> Start:
    control, script, log, result = _paths(given.folder)
    text = SCRIPT.format(
        script=script,
        control=control,
        result=result,
        log=log,
        cookie=COOKIE,
        name=COOKIE_NAME,
        job=shlex.join(given.argv),
    )
    argv = ("nohup", "sh", "-c", f"({text}) >&- 2>&- &")  # l.266, l.272
    variables = {COOKIE_NAME: "please-do-not-kill-me"}
    return Start(argv, Leads.NOTHING, variables, files={script: shlex.join(given.argv)})


def life(job: Job) -> Life:
    control, _, log, result = _paths(job.folder)
    over = False

    def finish(said: Said, status: int | None = None) -> None:
        nonlocal over
        over = True
        job.report(said, status)
        _remove(control)

    def stop() -> Life:
        yield Until(lambda: bool(job.way) or over)
        if over:
            return
        job.meanwhile(kill_all(job, None, {COOKIE_NAME: COOKIE}, wait_s=SOFT_KILL_S))
        if not (yield Until(lambda: over, REMOTE_TIMEOUT_S)):
            finish(Said.CANCELLED)  # "After 20s process did not stop"

    job.meanwhile(stop())
    period_s, seen = FIRST_PERIOD_S, 0
    while not (yield Until(lambda: over, period_s)):
        new = _read(log)[seen:]
        seen += len(new)
        job.heard(new)
        period_s = FIRST_PERIOD_S if new else min(period_s * BACKOFF, LONGEST_PERIOD_S)
        told = _read(result).strip()
        if told:
            job.heard(_read(log)[seen:])
            finish(_said(job, int(told)), int(told))


def _remove(folder: str) -> None:
    """The heartbeat may make its file anew meanwhile."""
    for _ in range(3):
        with contextlib.suppress(OSError):
            for name in os.listdir(folder):
                os.unlink(f"{folder}/{name}")
            os.rmdir(folder)
            return


def _said(job: Job, status: int) -> Said:
    if job.way and not (status == 0 and job.options.get("exit-status") == "wins"):
        return Said.CANCELLED
    return Said.SUCCESS if status == 0 else Said.FAILED


def _read(path: str) -> bytes:
    with contextlib.suppress(FileNotFoundError), open(path, "rb") as file:
        return file.read()
    return b""


MODEL = Model("jenkins_pipeline", ("abort",), start, life)

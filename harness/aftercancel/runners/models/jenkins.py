"""Jenkins today, the freestyle step "Execute shell".

Follows jenkinsci/jenkins @ff9430ee1d (2026-08-21, 2.578): core/src/main/java/hudson/Proc.java,
LocalProc.join (l.312) and destroy (l.384); hudson/model/AbstractBuild.java l.538 (the end of a
build); the walk itself is in ``process_tree``.

No process group, no session of its own (ProcessBuilder): whoever signals the job's group signals
the runner. An abort ends the tree of the job's first process and whatever carries HUDSON_COOKIE,
with TERM, never KILL, and is reported when that walk is over. A build that comes to its own end
does the same to whatever carries all of the build's variables; an aborted one does not come there
(the InterruptedException of ``join`` passes l.538 by).

Left out: the shell's own words (``sh -xe FILE``, tasks/Shell.java l.109): the cell says which
shell, with which flags; agents on other machines, plug-ins, post-build steps.
"""

from __future__ import annotations

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
from aftercancel.runners.models.process_tree import SOFT_KILL_S, kill_all

COPIER_S = 10.0  # Proc.java l.329: then "Process leaked file descriptors"
COOKIE = {"HUDSON_COOKIE": "0a1b2c3d-0000-4000-8000-000000000000"}  # EnvVars.java l.423, random
BUILD = {  # Job.java l.400-403, Run.java l.2430-2432
    "JENKINS_SERVER_COOKIE": "0a1b2c3d4e5f6789",
    "HUDSON_SERVER_COOKIE": "0a1b2c3d4e5f6789",
    "JOB_NAME": "job",
    "JOB_BASE_NAME": "job",
    "BUILD_NUMBER": "1",
    "BUILD_ID": "1",
    "BUILD_TAG": "jenkins-job-1",
}


def start(given: Given) -> Start:
    # stderr: redirectErrorStream(true), Proc.java LocalProc.stderr
    return Start(given.argv, Leads.NOTHING, {**COOKIE, **BUILD}, merged=True)


def life(job: Job) -> Life:
    soft_kill_s = job.seconds("soft-kill-wait", SOFT_KILL_S)
    yield Until(lambda: bool(job.way) or job.ended)
    if not job.way:
        yield Until(lambda: bool(job.way) or job.eof, COPIER_S)
    if job.way:
        yield from kill_all(job, None if job.ended else job.pid, COOKIE, wait_s=soft_kill_s)
        job.report(Said.CANCELLED)
        return
    yield from kill_all(job, None, BUILD, wait_s=soft_kill_s)
    job.report(by_status(job))


MODEL = Model("jenkins", ("abort",), start, life)

"""Hudson 3.3.2, the freestyle step "Execute shell"; Jenkins before 2.141 does the same.

Follows hudson.core, tag 3.3.2 (df729e0c, 2015-10-23):
hudson-core/src/main/java/hudson/Proc.java, LocalProc.join (l.226, l.257);
hudson/util/ProcessTree.java, kill (l.560) and killRecursively (l.581); hudson/model/Run.java
l.1980 and AbstractBuild.java l.549 (the end of a build).

As ``jenkins``, but it waits for nobody: one signal to each process, children before parents, and
the build is over. Which signal depends on the Java that it runs on (ProcessTree.java l.641): TERM
up to Java 7, and from 8 on destroyProcess(pid, force=true), which is KILL. The option ``signal``
says; TERM where it is left out, as the lab's own Hudson on a newer Java does.
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
from aftercancel.runners.models.process_tree import kill_all

COPIER_S = 10.0  # Proc.java l.226
COOKIE = {"HUDSON_COOKIE": "0a1b2c3d-0000-4000-8000-000000000000"}  # Proc.java l.185, random
BUILD = {  # Run.java l.1982-1986
    "HUDSON_SERVER_COOKIE": "0a1b2c3d4e5f6789",
    "BUILD_NUMBER": "1",
    "BUILD_ID": "2015-10-23_19-33-30",
    "BUILD_TAG": "hudson-job-1",
    "JOB_NAME": "job",
}


def start(given: Given) -> Start:
    return Start(given.argv, Leads.NOTHING, {**COOKIE, **BUILD}, merged=True)  # Proc.java l.164


def life(job: Job) -> Life:
    signal = job.options.get("signal", "TERM")
    yield Until(lambda: bool(job.way) or job.ended)
    if not job.way:
        yield Until(lambda: bool(job.way) or job.eof, COPIER_S)
    if job.way:
        pid = None if job.ended else job.pid
        yield from kill_all(job, pid, COOKIE, wait_s=None, signal=signal)
        job.report(Said.CANCELLED)
        return
    yield from kill_all(job, None, BUILD, wait_s=None, signal=signal)
    job.report(by_status(job))


MODEL = Model("hudson", ("abort",), start, life)

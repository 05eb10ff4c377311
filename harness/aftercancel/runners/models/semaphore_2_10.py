"""Semaphore UI 2.10, a task of the app "bash".

Follows semaphoreui/semaphore @d4a27137 (2024-10-25, 2.10.32): db_lib/ShellApp.go, Run (l.110);
services/tasks/LocalJob.go, Kill (l.38); TaskPool.go, StopTask (l.239); TaskRunner.go, run (l.199).

No process group, no session of its own (exec.Command): whoever signals the job's group signals the
runner. Both ways are a SIGKILL of the first process; they differ in what is shown: ``stop`` ends as
"error", since the task has failed by then; ``force-stop`` says "stopped" before anything is sent.
When the first process has ended, cmd.Wait closes the pipes (StdoutPipe): what goes on writing gets
SIGPIPE.

Left out: the queue, git, the app "ansible" (which has a terminal), a stop with an empty body.
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


def start(given: Given) -> Start:
    return Start(given.argv, Leads.NOTHING)


def life(job: Job) -> Life:
    yield Until(lambda: bool(job.way) or job.ended)
    if job.way == "force-stop":
        job.report(Said.CANCELLED)
    if job.way:
        job.send("KILL", job.pid)
        yield Until(lambda: job.ended)
    job.let_go()
    job.report(by_status(job))


MODEL = Model("semaphore_2_10", ("stop", "force-stop"), start, life)

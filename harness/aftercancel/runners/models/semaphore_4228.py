"""Semaphore UI since pull request 4228 (2026-09), a task of the app "bash".

Follows semaphoreui/semaphore @8481f549: db_lib/command_unix.go, waitCommand, stopCommand and
killProcessGroup; @023fe431: services/tasks/TaskRunner.go, run.

A session of its own, TERM to its process group, KILL to it 15 s later or as soon as the first
process has ended; the latter also when nobody has stopped the task. ``force-stop`` says "stopped"
at once. A task that was stopped and ends with status 0 is left as "stopping" (run: neither an error
nor "running"): no end is ever shown.

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

GRACE_S = 15.0  # command_unix.go, gracePeriod


def start(given: Given) -> Start:
    return Start(given.argv, Leads.SESSION)


def life(job: Job) -> Life:
    yield Until(lambda: bool(job.way) or job.ended)
    if job.way == "force-stop":
        job.report(Said.CANCELLED)
    if not job.way:
        job.let_go()
        job.send("KILL", -job.pid)
        job.report(by_status(job))
        return
    job.send("TERM", -job.pid)
    if not (yield Until(lambda: job.ended, job.seconds("grace", GRACE_S))):
        job.send("KILL", -job.pid)
        job.send("KILL", job.pid)
        yield Until(lambda: job.ended)
        job.let_go()
    else:
        job.let_go()  # Wait has returned
        job.send("KILL", -job.pid)
    if job.status != 0:
        job.report(Said.CANCELLED)


MODEL = Model("semaphore_4228", ("stop", "force-stop"), start, life)

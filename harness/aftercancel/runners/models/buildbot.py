"""Buildbot's worker, a ShellCommand without a terminal.

Follows buildbot/buildbot @61f2f41180 (2026-08-18):
worker/buildbot_worker/runprocess.py, kill (l.948), sendSig (l.864), checkProcess (l.836), cleanUp
and doBackupTimeout (l.969); Twisted's internet/process.py, maybeCallProcessEnded.

A process group of its own. Without ``sigtermTime``: KILL to the group, and the pipes are closed.
With it (the option ``sigterm-time``, in seconds): TERM to the group; sendSig then forgets the
group, so that the KILL that follows goes to the first process alone. A command is over when its
first process has ended and its output too; 5 s after the last signal it is given up in any case.

Left out: usePTY, timeout and maxTime (the same ``kill`` by a timer), the master's own waits.
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

INTERRUPT_SIGNAL = "KILL"  # runprocess.py l.297, interruptSignal
BACKUP_S = 5.0  # runprocess.py l.296, BACKUP_TIMEOUT


def start(given: Given) -> Start:
    return Start(given.argv, Leads.GROUP)  # ProcGroupProcess, l.218


def life(job: Job) -> Life:
    def finished() -> bool:
        return job.ended and job.eof

    yield Until(lambda: bool(job.way) or finished())
    if finished():
        job.report(by_status(job))
        return
    if "sigterm-time" in job.options:
        hit = job.send("TERM", -job.pid)
        if not (yield Until(finished, job.seconds("sigterm-time", 0.0))) and not job.ended:
            job.send(INTERRUPT_SIGNAL, job.pid if hit else -job.pid)
    elif not job.send(INTERRUPT_SIGNAL, -job.pid):
        job.send(INTERRUPT_SIGNAL, job.pid)
    if not finished():
        job.let_go()  # cleanUp: loseConnection
        yield Until(lambda: job.ended, BACKUP_S)
    job.report(Said.CANCELLED)


MODEL = Model("buildbot", ("stop",), start, life)

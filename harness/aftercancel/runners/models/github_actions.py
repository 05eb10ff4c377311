"""GitHub Actions' runner, a ``run:`` step of a job that is cancelled.

Follows actions/runner @258d6c857 (2026-08-17): src/Runner.Sdk/ProcessInvoker.cs, ExecuteAsync and
CancelAndKillProcessTree; src/Runner.Worker/JobExtension.cs, FinalizeJob.

No process group, no session of its own (System.Diagnostics.Process): whoever signals the job's
group signals the runner. Each signal goes to the step's shell alone, and "kill process tree" is a
SIGKILL of that one process (NixKillProcessTree, l.855). What is left is found by a variable of the
environment when the job is over, and killed.

Left out: the shell's own words (``bash -e {0}``): the cell says which shell, with which flags;
steps with ``if: always()``; a job's timeout; containers.
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
    over_within,
)

SIGINT_S = 7.5  # ProcessInvoker.cs l.32, _sigintTimeout
SIGTERM_S = 2.5  # ProcessInvoker.cs l.33, _sigtermTimeout
STREAMS_S = 5.0  # ProcessInvoker.cs l.494, ProcessExitedHandler: then it no longer waits for them
TRACKING = {"RUNNER_TRACKING_ID": "github_0a1b2c3d"}  # JobExtension.cs l.590; the value is random


def start(given: Given) -> Start:
    variables = {**TRACKING, "GITHUB_ACTIONS": "true", "CI": "true"}  # ProcessInvoker.cs l.281-288
    return Start(given.argv, Leads.NOTHING, variables)


def life(job: Job) -> Life:
    streams_s = job.seconds("streams", STREAMS_S)
    completed = over_within(job, streams_s)  # _processExitedCompletionSource
    yield Until(lambda: bool(job.way) or job.ended)
    if not job.way:
        yield Until(lambda: bool(job.way) or completed(), streams_s, 0.05)
    cancelled = bool(job.way) and not completed()
    if cancelled:
        for signal, default in (("INT", SIGINT_S), ("TERM", SIGTERM_S)):
            seconds = job.seconds(signal.lower(), default)
            if job.send(signal, job.pid) and (yield Until(completed, seconds, 0.05)):
                break
        else:
            if not job.ended:
                job.send("KILL", job.pid)
                yield Until(lambda: job.ended)
        yield Until(completed, streams_s, 0.05)
    for pid in job.living():  # "Cleaning up orphan processes", JobExtension.cs l.882-925
        if job.carries(pid, TRACKING):
            job.send("KILL", pid)
    job.report(Said.CANCELLED if cancelled else by_status(job))


MODEL = Model("github_actions", ("cancel",), start, life)

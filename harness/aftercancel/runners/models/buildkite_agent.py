"""Buildkite's agent 3.137.0, a step's command.

Follows buildkite/agent, tag v3.137.0 (d312b8856): internal/process/process.go, onContextCancel
(l.404) and waitDelay (l.317), startWithPTY (l.273); agent/run_job.go, Cancel (l.598);
clicommand/cancel_signal.go, signalGracePeriod (l.50).

Two processes in one: the agent, and the bootstrap that it starts, which starts the command in a
process group (with a terminal: a session) of its own. The agent sends TERM to the bootstrap, the
bootstrap TERM to the command's group. Both then wait for the same time, and the agent began
earlier: it kills the bootstrap before that comes to send its KILL to the command's group. So what
is still there is not killed but let go: its pipes are closed, its terminal is hung up.
A command is over when its process has ended and its output too, or 10 s later.

Left out: the bootstrap as a process (its own hooks, its log); the agent's polling for a cancelled
job. With ``bash -e -c`` round the job, as the agent starts it.
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
    over_within,
)

GRACE_S = 9.0  # cancel_signal.go l.50: cancel-grace-period 10 s, less 1 s
OUTPUT_S = 10.0  # process.go l.273 (terminal), l.317 (WaitDelay: the grace and 1 s)


def start(given: Given) -> Start:
    return Start(("/bin/bash", "-e", "-c", shlex.join(given.argv)), Leads.GROUP)


def life(job: Job) -> Life:
    done = over_within(job, OUTPUT_S)
    yield Until(lambda: bool(job.way) or job.ended)
    if not job.way:
        yield Until(lambda: bool(job.way) or done(), OUTPUT_S, 0.05)
    cancelled = bool(job.way) and not done()
    if cancelled:
        job.send("TERM", -job.pid)
        yield Until(done, job.seconds("grace", GRACE_S), 0.05)
    job.let_go()
    job.report(Said.CANCELLED if cancelled else by_status(job))


MODEL = Model("buildkite_agent", ("cancel",), start, life)

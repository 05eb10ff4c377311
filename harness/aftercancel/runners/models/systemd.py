"""systemd, a service of Type=simple that is stopped; the option ``mode`` is its KillMode.

Follows systemd.kill(5) and systemd/systemd src/core/service.c @000d6582: service_enter_signal,
service_enter_stop_post and service_sigchld_event; src/core/unit.c @000e56ee: unit_kill_context.

The runner is root and the job the user's, as with User=. A cgroup is not to be had here: its
members are all processes of the sandbox but its PID 1 and the runner, so also those that another
session or another parent has taken. The main process is signalled first, then the others, one by
one, each with a CONT behind it; when the main process has ended, the others are sent TERM again
(FINAL_SIGTERM), and KILL when that has not ended them in time. In the mode "mixed" they are sent
KILL as soon as the main process has ended, in "process" nothing, and in "none" nobody is sent
anything. A service that comes to its own end is treated alike.

Left out: ExecStop=, SendSIGHUP=, watchdogs, the two seconds before a restart; what PID 1 reaps.
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

TIMEOUT_S = 90.0  # systemd-system.conf(5), DefaultTimeoutStopSec=
CONTROL_GROUP, MIXED, PROCESS, NONE = "control-group", "mixed", "process", "none"


def start(given: Given) -> Start:
    return Start(given.argv, Leads.SESSION)  # exec-invoke.c: every service has its own session


def _kill_context(job: Job, signal: str) -> bool:
    """unit.c unit_kill_context; whether there is anything to wait for."""
    mode = job.options.get("mode", CONTROL_GROUP)
    if mode == NONE:
        return False
    whom = [] if job.ended else [job.pid]
    if mode == CONTROL_GROUP or (mode == MIXED and signal == "KILL"):
        whom += [pid for pid in job.living() if pid != job.pid]
    for pid in whom:
        if job.send(signal, pid) and signal != "KILL":
            job.send("CONT", pid)  # kill_and_sigcont, CGROUP_SIGCONT
    return bool(whom)


def life(job: Job) -> Life:
    timeout_s = job.seconds("timeout", TIMEOUT_S)
    yield Until(lambda: bool(job.way) or job.ended)
    cancelled = bool(job.way) and not job.ended
    alone = job.ended
    for signal in ("TERM", "KILL"):  # STOP_SIGTERM, STOP_SIGKILL: until the main process has ended
        if not _kill_context(job, signal):
            continue
        over = (lambda: not job.living()) if alone else (lambda: job.ended)
        if (yield Until(over, timeout_s, 0.02)):
            break
    for signal in ("TERM", "KILL"):  # FINAL_SIGTERM, FINAL_SIGKILL: until the cgroup is empty
        if not _kill_context(job, signal):
            continue
        if (yield Until(lambda: not job.living(), timeout_s, 0.02)):
            break
    job.report(Said.CANCELLED if cancelled else by_status(job))


MODEL = Model("systemd", ("stop",), start, life, root=True)

"""Kubernetes, a pod with one container that is deleted; the job is the container's PID 1.

Follows kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle (termination of pods) and
containerd/containerd @06bb81cf: internal/cri/server/container_stop.go, stopContainer: TERM to the
main process, KILL to it when the grace is over.

A container is not to be had here, so what its PID namespace does is done by the runner, which is
root: a signal that PID 1 has no handler for is dropped (kernel/signal.c sig_task_ignored,
SIGNAL_UNKILLABLE), here it is not sent; and when PID 1 ends, all others are killed
(kernel/pid_namespace.c zap_pid_ns_processes), here by the runner, everybody in the sandbox.

Left out: what PID 1 sends itself is dropped too, and its orphans become its children; preStop
hooks, sidecars, shareProcessNamespace, STOPSIGNAL of an image, an init in the container.
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

GRACE_S = 30.0  # pod-lifecycle: terminationGracePeriodSeconds


def start(given: Given) -> Start:
    return Start(given.argv, Leads.SESSION)


def life(job: Job) -> Life:
    yield Until(lambda: bool(job.way) or job.ended)
    cancelled = bool(job.way)
    if cancelled:
        if job.catches(job.pid, "TERM"):
            job.send("TERM", job.pid)
        if not (yield Until(lambda: job.ended, job.seconds("grace", GRACE_S))):
            job.send("KILL", job.pid)
            yield Until(lambda: job.ended)
    while others := job.living():
        for pid in others:
            job.send("KILL", pid)
        yield Until(lambda: not job.living(), 1.0, 0.01)
    job.report(Said.CANCELLED if cancelled else by_status(job))


MODEL = Model("kubernetes", ("stop",), start, life, root=True)

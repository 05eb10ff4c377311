"""Jenkins' walk over /proc: hudson.util.ProcessTree, as several models need it.

Follows jenkinsci/jenkins @ff9430ee1d (2026-08-21, 2.578):
core/src/main/java/hudson/util/ProcessTree.java, killAll (l.175, l.753), UnixProcess.kill (l.814)
and killRecursively (l.841). Hudson 3.3.2 has the same walk without the wait (l.560).

Left out: vetoes and killers, which are extensions (core has none). The real walk goes through a
HashMap by process ids, so its order is theirs where they are small; here always.
"""

from __future__ import annotations

from collections.abc import Mapping

from aftercancel.runners.models.pattern import Job, Life, sleep

SOFT_KILL_S = 5.0  # ProcessTree.java l.166, SoftKillWaitSeconds
FIRST_SLEEP_S, LONGEST_SLEEP_S = 0.010, 1.0  # l.821, l.829


def kill_all(
    job: Job,
    pid: int | None,
    variables: Mapping[str, str],
    *,
    wait_s: float | None = SOFT_KILL_S,
    signal: str = "TERM",
) -> Life:
    """The tree of ``pid``, then the tree of everybody who carries the variables; one snapshot.

    ``wait_s``: how long it waits for all of one tree together; None: not at all.
    """
    snapshot = job.parents()
    if pid is not None and pid in snapshot:
        yield from _kill_recursively(job, snapshot, pid, _deadline(job, wait_s), signal)
    for each in sorted(snapshot):
        if job.carries(each, variables):
            yield from _kill_recursively(job, snapshot, each, _deadline(job, wait_s), signal)


def _deadline(job: Job, wait_s: float | None) -> float | None:
    return None if wait_s is None else job.now() + wait_s


def _kill_recursively(
    job: Job, snapshot: Mapping[int, int], pid: int, deadline: float | None, signal: str
) -> Life:
    for child in sorted(child for child, parent in snapshot.items() if parent == pid):
        yield from _kill_recursively(job, snapshot, child, deadline, signal)
    if job.there(pid):  # ProcessHandle.of(pid).ifPresent
        job.send(signal, pid)
    sleep_s = FIRST_SLEEP_S
    while deadline is not None and job.there(pid):
        yield sleep(sleep_s)
        sleep_s = min(2 * sleep_s, LONGEST_SLEEP_S)
        if job.now() >= deadline:
            break

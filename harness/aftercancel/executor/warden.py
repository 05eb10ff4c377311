"""Keeps what the kernel would not take back by itself, and outlives the executor to remove it.

Namespaces, mounts and processes go when the executor goes. A trace instance and a control group
do not: they are made here, in the parent, before the executor is forked, and removed when it has
ended, of whatever. If the warden is the one that is killed, the executor notices and removes
them. What a kill of both at once leaves is removed by the next start (``sweep``).
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import sys
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from aftercancel.executor import hierarchies, linux, namer, ordinary, rootfs, zygote
from aftercancel.executor.limits import HIERARCHIES, Groups
from aftercancel.executor.ownership import (
    EXECS_SUFFIX,
    KERNEL_SUFFIX,
    PREFIX,
    Owner,
    own_name,
    owner,
)
from aftercancel.executor.trace import Instance, mount_tracefs

_SCRATCH_PLACES = ("/sys/kernel", "/mnt", "/media", "/srv")
"""One of them is hidden by the scratch tmpfs, in our own mount namespace: the first has nothing
that anybody keeps there or that we need."""


@dataclass(frozen=True, slots=True)
class Holdings:
    """What the warden made for one executor."""

    layers: rootfs.Layers
    tracing: Path | None
    """The mount of tracefs; None: this machine has none."""
    followed: Instance | None
    kernel: Instance | None
    execs: Instance | None
    groups: Groups
    trace_problem: str | None
    """Why there is no trace."""

    def remove(self) -> None:
        """Idempotent. Cells die with the executor (PR_SET_PDEATHSIG), but not in no time."""
        with contextlib.ExitStack() as stack:
            stack.callback(self.groups.remove)
            stack.callback(self.groups.await_empty)
            for instance in (self.followed, self.kernel, self.execs):
                if instance is not None:
                    stack.callback(instance.remove)


@contextlib.contextmanager
def holdings(*, want_trace: bool, alone: bool = False) -> Iterator[Holdings]:
    """Make them, and remove them at the end. Enters a mount namespace of its own.

    ``alone``: in an ordinary user's namespace (``ordinary``).
    """
    linux.unshare(linux.CLONE_NEWNS)
    linux.mount("", "/", "", linux.MS_REC | linux.MS_PRIVATE)
    scratch = Path(next(place for place in _SCRATCH_PLACES if os.path.isdir(place)))
    linux.mount("tmpfs", str(scratch), "tmpfs", 0, "size=64m,mode=755")
    name = own_name()
    tracing: Path | None = None
    problem: str | None = "it needs root" if alone else "not asked for"
    if want_trace:
        tracing, problem = _tracing(scratch)
    followed = kernel = execs = None
    sweep(tracing)
    if tracing is not None:
        followed, kernel = Instance(tracing, name), Instance(tracing, name + KERNEL_SUFFIX)
        execs = Instance(tracing, name + EXECS_SUFFIX)
    hierarchies.make_writable()
    groups = Groups(name)
    layers = ordinary.build(scratch) if alone else rootfs.build(scratch)
    made = Holdings(layers, tracing, followed, kernel, execs, groups, problem)
    try:
        for instance in (followed, kernel, execs):
            if instance is not None:
                instance.make()
        groups.make()
        yield made
    finally:
        made.remove()


def _tracing(scratch: Path) -> tuple[Path | None, str | None]:
    place = scratch / "tracing"
    place.mkdir()
    try:
        mount_tracefs(place)
        (place / "instances").stat()
    except OSError as error:
        return None, f"tracefs cannot be mounted: {error}"
    return place, None


def sweep(tracing: Path | None, cgroups: Path = Path("/sys/fs/cgroup")) -> tuple[str, ...]:
    """Remove what a run left whose warden and executor were both killed; returns the names.

    What somebody else holds, or what is a run's of another PID namespace, stays as it is.
    """
    gone = []
    instances = (tracing / "instances").glob(PREFIX + "*") if tracing is not None else ()
    for instance in sorted(instances):
        if owner(instance.name) is Owner.GONE:
            with contextlib.suppress(OSError):
                Instance(instance.parent.parent, instance.name).remove(deadline_s=0)
                gone.append(instance.name)
    for place in (cgroups, *(cgroups / kind for kind in HIERARCHIES)):
        for folder in sorted(place.glob(PREFIX + "*")):
            if owner(folder.name) is Owner.GONE:
                with contextlib.suppress(OSError):
                    Groups(folder.name, cgroups).remove()
                    gone.append(folder.name)
    return tuple(gone)


_LAST_WORDS_MS = 10_000
Work = Callable[[Holdings, zygote.Zygotes, namer.Namer | None, int], int]


def under_warden(work: Work, *, want_trace: bool, alone: bool = False) -> int:
    """Run ``work`` in a child; returns its exit status when all that was made is removed.

    ``work`` gets the holdings, the process that forks sandboxes, the one that names programs (where
    there is a trace), and a descriptor that is at its end when the warden has died. It should import what is large only then.
    """
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
        signal.signal(number, signal.SIG_IGN)
    lifeline, held = os.pipe()
    with holdings(want_trace=want_trace, alone=alone) as made:
        forker = zygote.start(made.layers, made.groups)
        names: namer.Namer | None = None
        if made.tracing is not None and made.execs is not None:
            names = namer.start(made.tracing, made.execs)
        pid = os.fork()
        if pid == 0:
            status = 70
            try:
                os.close(held)
                status = work(made, forker, names, lifeline)
            except BaseException as error:  # noqa: BLE001  # the last frame of a forked child
                traceback.print_exception(error)
            finally:
                sys.stderr.flush()
                os._exit(status)
        os.close(lifeline)
        forker.close()
        if names is not None:
            names.close()
        os.close(1)
        status = _await_end(pid)
        for each in forker.pids:
            os.waitpid(each, 0)
        if names is not None:
            os.waitpid(names.pid, 0)
    return status


def _await_end(executor: int) -> int:
    """Its exit status. One that does not end when nobody asks any more is killed."""
    pidfd = os.pidfd_open(executor)
    try:
        poll = select.poll()
        poll.register(pidfd, select.POLLIN)
        # Only for the end of the requests: reading them is the executor's.
        poll.register(0, 0)
        if pidfd not in dict(poll.poll()):
            last = select.poll()
            last.register(pidfd, select.POLLIN)
            if not last.poll(_LAST_WORDS_MS):
                signal.pidfd_send_signal(pidfd, signal.SIGKILL)
    finally:
        os.close(pidfd)
    return os.waitstatus_to_exitcode(os.waitpid(executor, 0)[1])

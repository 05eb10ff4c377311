"""Tries what the lab needs of the kernel, in a child of its own that leaves nothing behind.

Run as ``python -m aftercancel.doctor.probe``; prints one JSON object: the name of each attempt, and
what went wrong with it (null: nothing). It unshares its namespaces first, so that every mount
ends with it (mount_namespaces(7)), and nothing global is made: no trace instance, no control
group, no file. Being a program of its own it can be killed at any moment, and what calls it keeps
its own namespaces.
"""

from __future__ import annotations

import json
import os
import signal
import stat
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from aftercancel.executor import linux
from aftercancel.executor.veth import Routes

NAMESPACES = {
    "pid": linux.CLONE_NEWPID,
    "mount": linux.CLONE_NEWNS,
    "network": linux.CLONE_NEWNET,
    "ipc": linux.CLONE_NEWIPC,
    "uts": linux.CLONE_NEWUTS,
}
SCRATCH = Path("/tmp")
"""Covered by a tmpfs of our own mount namespace: exists everywhere, and is never written to."""


def main() -> None:
    """Every attempt, whatever became of the one before."""
    linux.die_with_parent(signal.SIGKILL)
    events = sys.argv[1:]
    found: dict[str, object] = {
        f"{name} namespace": _failure(partial(linux.unshare, flag))
        for name, flag in NAMESPACES.items()
    }
    if found["network namespace"] is None:
        found["veth"] = _failure(_join_two_networks)
    if found["mount namespace"] is None:
        found["private mounts"] = _failure(_keep_mounts_to_ourselves)
        if found["private mounts"] is None:
            found["overlay"] = _failure(_overlay)
            found["devices"] = _failure(_devices)
            found["proc"] = _failure(_proc)
            tracing: dict[str, object] = {}
            found["tracefs"] = _failure(lambda: tracing.update(_tracefs(events)))
            found["tracing"] = tracing
    json.dump(found, sys.stdout)


def _failure(attempt: Callable[[], object]) -> str | None:
    try:
        attempt()
    except OSError as error:
        where = "" if error.filename is None else f"{error.filename}: "
        return f"{where}{error.strerror}"
    return None


def _join_two_networks() -> None:
    """The one that we have made already and another one, as the two hosts of a cell with ssh."""
    first = os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    try:
        linux.unshare(linux.CLONE_NEWNET)
        with Routes() as routes:
            routes.add_pair("eth0", "eth0", first)
    finally:
        os.close(first)


def _keep_mounts_to_ourselves() -> None:
    linux.mount("", "/", "", linux.MS_REC | linux.MS_PRIVATE)
    linux.mount("tmpfs", str(SCRATCH), "tmpfs", 0, "size=4m,mode=755")


def _overlay() -> None:
    """The host's root below, an opaque folder and a written file above, as in a cell."""
    upper, work, root = (SCRATCH / name for name in ("upper", "work", "root"))
    for folder in (upper, work, root, upper / "home"):
        folder.mkdir()
    os.setxattr(upper / "home", "trusted.overlay.opaque", b"y")
    options = f"lowerdir=/,upperdir={upper},workdir={work}"
    linux.mount("overlay", str(root), "overlay", 0, options)
    (root / "etc/aftercancel-probe").write_text("written to the upper layer")
    if not (root / "bin/sh").exists():
        raise OSError(0, "the host's /bin/sh does not show through the overlay")


def _devices() -> None:
    """A device node that can be made and opened; without /dev/null a shell's ``&`` fails."""
    node = SCRATCH / "null"
    os.mknod(node, stat.S_IFCHR | 0o600, os.makedev(1, 3))
    node.write_bytes(b"x")


def _proc() -> None:
    """A /proc for a new PID namespace, which a container with a masked /proc is refused."""
    place = SCRATCH / "proc"
    place.mkdir()
    child = os.fork()
    if child == 0:
        try:
            linux.mount("proc", str(place), "proc")
        except OSError as error:
            os._exit(error.errno or 1)
        os._exit(0)
    number = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if number != 0:
        raise OSError(number, f"mount proc: {os.strerror(number)}")


def _tracefs(events: list[str]) -> Iterator[tuple[str, object]]:
    place = SCRATCH / "tracing"
    place.mkdir()
    linux.mount("tracefs", str(place), "tracefs", linux.MS_NOSUID | linux.MS_NODEV)
    # Opened and read: a locked-down kernel shows the files and refuses them (lockdown(7)).
    clocks = (place / "trace_clock").read_text().replace("[", "").replace("]", "").split()
    yield "clocks", clocks
    formats = {event: place / "events" / event / "format" for event in events}
    yield "lacking", [e for e, file in formats.items() if _failure(file.read_text) is not None]
    yield "instances", sorted(os.listdir(place / "instances"))


if __name__ == "__main__":
    main()

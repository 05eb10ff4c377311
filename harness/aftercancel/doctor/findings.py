"""What each look at the machine means: pure functions from what was seen to a finding."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from aftercancel.executor.ownership import PREFIX, Owner, owner
from aftercancel.executor.trace import EVENTS
from aftercancel.model import Launcher
from aftercancel.programs import Program, apt_get, version

_ROOM_BYTES = 256 << 20
"""A run of the default matrix with its raw observations, several times over."""

SYS_ADMIN = 21
CAPABILITIES = {
    0: "CHOWN",
    1: "DAC_OVERRIDE",
    3: "FOWNER",
    5: "KILL",
    6: "SETGID",
    7: "SETUID",
    8: "SETPCAP",
    12: "NET_ADMIN",
    18: "SYS_CHROOT",
    19: "SYS_PTRACE",
    SYS_ADMIN: "SYS_ADMIN",
    27: "MKNOD",
}
"""capabilities(7): what making a sandbox and looking into it takes."""


class Status(StrEnum):
    """How it stands."""

    CAN = "can"
    DEGRADED = "degraded"
    """The lab works, but knows less or protects less."""
    CANNOT = "cannot"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that the lab needs of a machine."""

    name: str
    status: Status
    detail: str
    """What was seen."""
    why: str
    """Why it matters."""
    remedy: str = ""
    """How to get it; empty where nothing is missing."""


RIGHTS = "rights"
USER_NAMESPACES = "user namespaces"


def linux(system: str, release: str) -> Finding:
    why = "Namespaces, overlay file systems and the trace are the Linux kernel's."
    if system == "linux":
        return Finding("Linux", Status.CAN, release, why)
    return Finding(
        "Linux",
        Status.CANNOT,
        f"this is {system}",
        why,
        "run it on a Linux machine or in a Linux virtual machine, as root",
    )


def rights(user: int, effective: int) -> Finding:
    """``effective``: the CapEff of /proc/self/status."""
    why = "Sandboxes are made of mounts, namespaces, device nodes and other users' processes."
    lacking = [name for bit, name in CAPABILITIES.items() if not effective & (1 << bit)]
    if user != 0:
        return Finding(
            RIGHTS,
            Status.CANNOT,
            f"this is user number {user}, not root",
            why,
            "run it as root, for example with sudo in front",
        )
    if lacking:
        return Finding(
            RIGHTS,
            Status.CANNOT,
            "this is root without the capabilities " + ", ".join(lacking),
            why,
            "run it outside the container, or start the container with "
            + " ".join(f"--cap-add {name}" for name in lacking),
        )
    return Finding(RIGHTS, Status.CAN, "root with every capability that is needed", why)


def user_namespaces(problem: str | None) -> Finding:
    """``problem``: why an ordinary user can have none; behind a semicolon: what to change."""
    why = "Without root and without Docker, cells run in them, as far as one user alone can."
    if problem is not None:
        what, _, remedy = problem.rpartition("; ")
        return Finding(USER_NAMESPACES, Status.CANNOT, what, why, remedy)
    return Finding(
        USER_NAMESPACES,
        Status.CAN,
        "cells without root, other users, other hosts and real runners; evidence is /proc",
        why,
    )


def namespaces(found: Mapping[str, Any]) -> Finding:
    """``found``: what the probe printed, or why it could not be asked (key ``problem``)."""
    why = "Each cell has its own, so that it cannot touch this machine and ends with its PID 1."
    kinds = [key for key in found if key.endswith(" namespace")]
    wrong = [f"{kind}: {found[kind]}" for kind in kinds if found[kind] is not None]
    if not kinds:
        return _not_tried("namespaces", why, found)
    if wrong:
        return Finding(
            "namespaces",
            Status.CANNOT,
            "; ".join(wrong),
            why,
            "use a kernel that has them (CONFIG_PID_NS, CONFIG_NET_NS, …); in a container: "
            "--cap-add SYS_ADMIN --security-opt seccomp=unconfined",
        )
    names = ", ".join(kind.removesuffix(" namespace") for kind in kinds)
    return Finding("namespaces", Status.CAN, names, why)


def file_system(found: Mapping[str, Any]) -> Finding:
    """Overlay on /, device nodes, a /proc of its own."""
    why = "A cell sees this machine's programs copy-on-write, and can delete everything harmlessly."
    tried = {
        "private mounts": "mounts of its own",
        "overlay": "an overlay over /",
        "devices": "device nodes",
        "proc": "a /proc of its own",
    }
    wrong = [f"{words}: {found[key]}" for key, words in tried.items() if found.get(key)]
    if wrong:
        return Finding(
            "file system",
            Status.CANNOT,
            "; ".join(wrong),
            why,
            "load the kernel's overlay module (modprobe overlay); in a container: "
            "--security-opt seccomp=unconfined --security-opt apparmor=unconfined "
            "--security-opt systempaths=unconfined",
        )
    if "overlay" not in found:
        return _not_tried("file system", why, found)
    return Finding("file system", Status.CAN, "overlay over /, device nodes, /proc", why)


def second_host(found: Mapping[str, Any]) -> Finding:
    """Two network namespaces joined by a pair of interfaces (veth(4))."""
    why = "Cells with ssh have a second host, reached by a network of their own."
    if "veth" not in found:
        return _not_tried("second host", why, found, Status.DEGRADED)
    if found["veth"] is not None:
        return Finding(
            "second host",
            Status.DEGRADED,
            f"no pair of interfaces: {found['veth']}",
            why,
            "load the kernel's veth module (modprobe veth); in a container: --cap-add NET_ADMIN",
        )
    return Finding("second host", Status.CAN, "two networks joined by veth", why)


def pidfd(works: bool) -> Finding:
    why = "A process is waited for and signalled by descriptor, never by a number used again."
    if works:
        return Finding("pidfd", Status.CAN, "pidfd_open works", why)
    return Finding(
        "pidfd", Status.CANNOT, "pidfd_open does not work", why, "use Linux 5.4 or newer"
    )


def tracing(found: Mapping[str, Any]) -> Finding:
    why = (
        "The trace shows who signalled whom and when; without it /proc serves, and who sent a "
        "signal is unknown."
    )
    if "tracefs" not in found:
        return _not_tried("tracefs", why, found, Status.DEGRADED)
    remedy = (
        "use a kernel with CONFIG_FTRACE_SYSCALLS that is not locked down "
        "(/sys/kernel/security/lockdown); in a container: --cap-add SYS_ADMIN and no masked /sys"
    )
    if found["tracefs"] is not None:
        return Finding("tracefs", Status.DEGRADED, found["tracefs"], why, remedy)
    lacking = list(found["tracing"]["lacking"])
    if lacking:
        return Finding(
            "tracefs",
            Status.DEGRADED,
            "these events are missing: " + ", ".join(lacking),
            why,
            remedy,
        )
    if "mono" not in found["tracing"]["clocks"]:
        return Finding("tracefs", Status.DEGRADED, "the clock mono is missing", why, remedy)
    return Finding("tracefs", Status.CAN, f"all {len(EVENTS)} events, clock mono", why)


def control_groups(root: Path) -> Finding:
    """Version 2 where it has the controllers, else the folders of version 1 (cgroups(7))."""
    why = "They limit what root inside a sandbox can use; users are held by resource limits anyway."
    remedy = "mount the pids and memory controllers writable; in a container: --privileged"
    controllers = ("pids", "memory")
    if (root / "cgroup.controllers").exists():
        given = _words(root / "cgroup.subtree_control")
        wrong = [name for name in controllers if name not in given]
        places: tuple[Path, ...] = (root,)
    else:
        wrong = [name for name in controllers if not (root / name / "cgroup.procs").exists()]
        places = tuple(root / name for name in controllers)
    if wrong:
        detail = f"no controller for {' and '.join(wrong)} below {root}"
        return Finding("control groups", Status.DEGRADED, detail, why, remedy)
    closed = [str(place) for place in places if not os.access(place, os.W_OK)]
    if closed:
        detail = f"not writable: {', '.join(closed)}"
        return Finding("control groups", Status.DEGRADED, detail, why, remedy)
    kind = "version 2" if len(places) == 1 else "version 1"
    return Finding("control groups", Status.CAN, f"{kind}, pids and memory", why)


def disk_space(free: int) -> Finding:
    why = "Every raw observation is kept, about 10 KB a cell."
    detail = f"{free >> 20} MiB free for results"
    if free >= _ROOM_BYTES:
        return Finding("disk space", Status.CAN, detail, why)
    remedy = f"free {_ROOM_BYTES >> 20} MiB, or point --out to another disk"
    return Finding("disk space", Status.DEGRADED, detail, why, remedy)


def leftovers(names: Iterable[str]) -> Finding:
    """``names`` of trace instances and control groups; those of runs that live are no leftovers."""
    why = "Only a run whose every process was killed at once leaves them; they cost memory."
    stale = sorted(
        {name for name in names if name.startswith(PREFIX) and owner(name) is Owner.GONE}
    )
    if not stale:
        return Finding("leftovers", Status.CAN, "none of killed runs", why)
    return Finding(
        "leftovers",
        Status.DEGRADED,
        "of runs whose processes are not to be seen from here: " + ", ".join(stale),
        why,
        "start any run: it removes what killed runs left",
    )


def program(needed: Program) -> Finding:
    """One shell, or one program that a job or a launcher runs."""
    why = "Cells that use it cannot be measured without it, and are not left out silently."
    if needed.path is None and not needed.required:
        remedy = f"{apt_get([needed])}, where this release has it; its cells are not tried"
        return Finding(needed.name, Status.DEGRADED, f"{needed.command} is not there", why, remedy)
    if needed.path is None:
        return Finding(
            needed.name,
            Status.CANNOT,
            f"{needed.command} is not there",
            why,
            f"{apt_get([needed])}, or leave its cells out with -k",
        )
    return Finding(needed.name, Status.CAN, _seen(needed), why)


def program_of_launchers(needed: Program, launchers: Sequence[Launcher]) -> Finding:
    """A program, or another file, that only these launchers need."""
    names = ", ".join(launcher.id for launcher in launchers)
    why = f"Without it these launchers are not measured, and a run says so: {names}."
    if needed.path is not None:
        return Finding(needed.name, Status.CAN, _seen(needed), why)
    # A chain's words on how to get it may be about another of its programs, and so may those of a
    # launcher that needs more than the first one.
    ways = (launcher.get for launcher in launchers if launcher.inner is None)
    return Finding(
        needed.name,
        Status.DEGRADED,
        f"{needed.command} is not there",
        why,
        next(ways, "") or apt_get([needed]),
    )


def _seen(needed: Program) -> str:
    return version(needed) or f"{needed.path}, version not known"


def _not_tried(
    name: str, why: str, found: Mapping[str, Any], status: Status = Status.CANNOT
) -> Finding:
    reason = found.get("problem", "there is no mount namespace to try it in")
    return Finding(name, status, f"not tried: {reason}", why, "run it as root")


def _words(file: Path) -> list[str]:
    try:
        return file.read_text().split()
    except OSError:
        return []

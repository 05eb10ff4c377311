"""An ordinary user's cells, in a user namespace: no root, no Docker, and not everything.

There is one user in it, no root, no control group and no kernel trace: evidence is /proc. What
needs more is not tried, and said to be not measured.
"""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import assert_never

from aftercancel.catalog import Catalogue
from aftercancel.doctor import NEEDED_BY_ROOT, Finding
from aftercancel.model import Cell, Evidence, Sender
from aftercancel.places import Place
from aftercancel.places.surroundings import OnThisMachine
from aftercancel.programs import Beyond, Here, Whereabouts, of_need

NEEDS_MORE = "not measured: needs root or Docker"
"""How the words begin of everything that is not tried here."""
_PROBE_S = 20.0
_FORBIDDING = (
    (
        "user/max_user_namespaces",
        0,
        "no user namespace is allowed here; as root: sysctl user.max_user_namespaces=10000",
    ),
    (
        "kernel/unprivileged_userns_clone",
        0,
        "Debian leaves them to root; as root: sysctl kernel.unprivileged_userns_clone=1",
    ),
    (
        "kernel/apparmor_restrict_unprivileged_userns",
        1,
        "AppArmor cuts them; as root: sysctl kernel.apparmor_restrict_unprivileged_userns=0",
    ),
)
"""Settings as in /proc/sys, the value that forbids it, and what to do."""


class Step(Enum):
    """What an executor does, as far as a kernel may refuse it to an ordinary user."""

    NAMESPACES = "make namespaces of one's own"
    MOUNT = "mount a tmpfs"
    OVERLAY = "mount an overlay"
    PROC = "mount a /proc"


@dataclass(frozen=True, slots=True)
class Refused:
    """Which step was refused, and how the kernel put it."""

    step: Step
    words: str


@dataclass(frozen=True, slots=True)
class Settings:
    """What of this machine may refuse it."""

    sysctl: Mapping[str, int]
    """By name as in /proc/sys; only those that this kernel has."""
    filtered: bool
    """Whether a system call filter is on us, as a container engine sets one (seccomp(2))."""

    @classmethod
    def here(cls) -> Settings:
        """Those of this machine, and of this process."""
        found = {}
        for name, _, _ in _FORBIDDING:
            try:
                found[name] = int(Path("/proc/sys", name).read_text())
            except (OSError, ValueError):
                continue
        status = Path("/proc/self/status").read_text().splitlines()
        return cls(found, any(line.split() == ["Seccomp:", "2"] for line in status))


def can_be_had() -> str | None:
    """Why an ordinary user's cells cannot run on this machine, and what to change; None: they can."""
    if sys.platform != "linux":
        return "user namespaces are Linux's"
    refused = _probed()
    return None if refused is None else why_not(refused, Settings.here())


def why_not(refused: Refused, settings: Settings) -> str:
    """Which setting it is, most likely; behind a semicolon: how to change it."""
    return f"could not {refused.step.value} ({refused.words}): {_cause(refused.step, settings)}"


def _cause(step: Step, settings: Settings) -> str:
    for name, forbids, words in _FORBIDDING:
        if settings.sysctl.get(name) == forbids:
            return words
    match step:
        case Step.OVERLAY:
            return "an ordinary user may do that since Linux 5.11; use a newer kernel"
        case Step.PROC:
            return (
                "something is mounted over parts of /proc, as container engines do; start the "
                "container with --security-opt systempaths=unconfined"
            )
        case Step.NAMESPACES | Step.MOUNT if settings.filtered:
            return (
                "a system call filter is on this process, as container engines set one; start the "
                "container with --security-opt seccomp=unconfined"
            )
        case Step.NAMESPACES | Step.MOUNT:
            return (
                "a security module or the kernel's configuration (CONFIG_USER_NS) refuses it; ask "
                "who administers this machine"
            )
        case _:
            assert_never(step)


def _set_uid(path: str) -> bool:
    try:
        return bool(os.stat(path).st_mode & stat.S_ISUID)
    except OSError:
        return False


def cannot(cell: Cell, becomes_another: Callable[[str], bool] = _set_uid) -> Beyond | None:
    """What keeps this cell from being tried in a user namespace; None: nothing.

    ``becomes_another``: whether the program in this file has the set-user-ID bit.
    """
    found = next(_reasons(cell, becomes_another), None)
    return None if found is None else Beyond(found[0], f"{NEEDS_MORE}: {found[1]}")


def _reasons(cell: Cell, becomes_another: Callable[[str], bool]) -> Iterator[tuple[str, str]]:
    from aftercancel.runners import modelled

    launcher, runner = cell.launcher, cell.runner
    if runner.real:
        yield "real runners", "root installs and drives them"
    if any(hop.engine is not None for hop in launcher.hops) or cell.cancellation.needs_engine:
        yield "container engines", "root starts them"
    if any(hop.far is not None for hop in launcher.hops):
        yield "other hosts", "root starts the server there"
    if launcher.as_root or (runner.model and modelled.is_root(runner.model)):
        yield "runners of root", "an ordinary user's namespace has no root"
    if cell.job.sudoers or any(hop.sudoers for hop in launcher.hops):
        yield "sudo", "an ordinary user's namespace has no root to become"
    needs = (*cell.job.needs, *(need for hop in launcher.hops for need in hop.needs))
    for path in (of_need(need).path for need in needs):
        if path is not None and becomes_another(path):
            yield path, "it becomes another user, and an ordinary user's namespace has one alone"
    if any(step.by is Sender.ROOT for step in cell.cancellation.steps):
        yield "signals of root", "an ordinary user's namespace has no root"


class _Programs(Here):
    """This machine's, as far as one user can use them."""

    def beyond(self, cell: Cell) -> Beyond | None:
        """See ``Whereabouts``."""
        return cannot(cell)


class InUserNamespaces(OnThisMachine):
    """An ordinary user, alone."""

    programs: Whereabouts = _Programs()

    def place(self, in_flight: int, settle_s: float | None, evidence: Evidence | None) -> Place:
        """See ``Surroundings``. The trace is refused by the executor, with the reason."""
        return super().place(in_flight, settle_s, evidence or Evidence.PROC)

    def without_real_runners(
        self, catalogue: Catalogue, missing: Mapping[str, str]
    ) -> Mapping[str, str]:
        """None of them can be measured, found or not (``cannot``)."""
        return {}

    def facts(self) -> Mapping[str, object]:
        """See ``Surroundings``."""
        return {"user_namespaces": True}

    def findings(self, catalogue: Catalogue, results: Path | None) -> tuple[Finding, ...]:
        """Without what only root could have."""
        found = super().findings(catalogue, results)
        return tuple(each for each in found if each.name not in NEEDED_BY_ROOT)


def _probed() -> Refused | None:
    """In a child, which may leave our namespaces."""
    try:
        done = subprocess.run(
            [sys.executable, "-P", "-m", "aftercancel.executor.ordinary_probe"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_PROBE_S,
            check=False,
        )
        found = json.loads(done.stdout)
    except (OSError, ValueError, subprocess.TimeoutExpired) as error:
        return Refused(Step.NAMESPACES, f"the probe did not answer: {error}")
    return Refused(Step[found["step"]], found["words"]) if found else None

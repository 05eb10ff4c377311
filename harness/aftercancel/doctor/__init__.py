"""What this machine can and cannot do for the lab, why it matters, and how to get it.

``examine`` looks and changes nothing: what has to be tried for real is tried in a short-lived
child with namespaces of its own (``doctor.probe``); what was seen becomes findings by pure
functions (``doctor.findings``). ``require`` turns findings that a run cannot do without into one
``MissingError``.
"""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from aftercancel.absence import Absent, absent
from aftercancel.catalog import Catalogue
from aftercancel.doctor import findings as of
from aftercancel.doctor.findings import RIGHTS, Finding, Status
from aftercancel.errors import MissingError
from aftercancel.executor.limits import HIERARCHIES
from aftercancel.executor.ownership import PREFIX
from aftercancel.executor.trace import EVENTS
from aftercancel.model import Cell
from aftercancel.programs import needed_by, of_catalogue, of_launchers

_PROBE_DEADLINE_S = 20.0
_CGROUPS = Path("/sys/fs/cgroup")
_FOUNDATIONS = ("Linux", RIGHTS, "namespaces", "file system", "pidfd")
"""Without one of these no cell can run at all."""
NEEDED_BY_ROOT = frozenset(_FOUNDATIONS[1:4])
"""What an ordinary user does without, in user namespaces."""


def examine(catalogue: Catalogue, results: Path | None = None) -> tuple[Finding, ...]:
    """Look at everything. ``results``: the folder that results go to; default: this one."""
    if sys.platform != "linux":
        return (of.linux(sys.platform, platform.release()),)
    capabilities = _effective_capabilities()
    may_try = capabilities & (1 << of.SYS_ADMIN)
    found: Mapping[str, Any] = _probe() if may_try else {"problem": "needs root's rights"}
    instances = found.get("tracing", {}).get("instances", ())
    return (
        of.linux(sys.platform, platform.release()),
        of.rights(os.geteuid(), capabilities),
        *(_of_ordinary_user() if os.geteuid() != 0 else ()),
        of.namespaces(found),
        of.file_system(found),
        of.second_host(found),
        of.pidfd(_pidfd_works()),
        of.tracing(found),
        of.control_groups(_CGROUPS),
        of.disk_space(shutil.disk_usage(_existing(results or Path.cwd())).free),
        of.leftovers((*instances, *_groups(_CGROUPS))),
        *_programs(catalogue),
    )


def _of_ordinary_user() -> Iterator[Finding]:
    from aftercancel.places.user_namespace import can_be_had

    yield of.user_namespaces(can_be_had())


def _programs(catalogue: Catalogue) -> Iterator[Finding]:
    """First those without which a cell is refused, then those that only launchers need."""
    required = of_catalogue(catalogue)
    yield from map(of.program, required)
    names = {needed.name for needed in required}
    for needed, launchers in of_launchers(catalogue.launchers.values()).items():
        if needed.name not in names:
            yield of.program_of_launchers(needed, launchers)


def _existing(folder: Path) -> Path:
    """The folder, or the nearest above it that is there already."""
    return next(place for place in (folder, *folder.absolute().parents) if place.exists())


def require(
    findings: Iterable[Finding], cells: Iterable[Cell] = (), missing: Absent | None = None
) -> None:
    """Raise ``MissingError`` where the lab cannot run, or cannot run one of these cells.

    A cell whose launcher or runner is not here (``missing``) is left out by the engine, which says
    so; that is an error only where no cell remains.
    """
    by_name = {finding.name: finding for finding in findings}
    wanted = tuple(cells)
    left_out = absent(wanted) if missing is None else missing
    remaining = left_out.without(wanted)
    used = [program.name for program in needed_by(remaining)]
    rights = by_name.get(RIGHTS)
    without_rights = rights is not None and rights.status is Status.CANNOT
    # Without rights nothing could be tried: one cause is told, not the four that follow from it.
    foundations = (RIGHTS, of.USER_NAMESPACES) if without_rights else _FOUNDATIONS
    lacking = [
        by_name[name]
        for name in (*foundations, *used)
        if name in by_name and by_name[name].status is Status.CANNOT
    ]
    if not lacking:
        if wanted and not remaining:
            raise nothing_remains(left_out.words)
        return
    words = [
        f"{finding.name}: {finding.detail}\n    Why it matters: {finding.why}\n"
        f"    How to get it: {finding.remedy}"
        for finding in lacking
    ]
    raise MissingError("This machine lacks something that the lab needs.\n  " + "\n  ".join(words))


def nothing_remains(absent: Mapping[str, str]) -> MissingError:
    """The error where no cell can be measured, since each lacks something."""
    words = (f"{launcher}: {why}" for launcher, why in absent.items())
    return MissingError(
        "No cell that was asked for can be measured there: what the cells need is missing.\n  "
        + "\n  ".join(words)
    )


def _probe() -> Mapping[str, Any]:
    """What the child found, or the one key ``problem`` where it could not answer."""
    try:
        done = subprocess.run(
            # -P: a folder or module of that name in the current folder is not meant.
            [sys.executable, "-P", "-m", "aftercancel.doctor.probe", *EVENTS],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_PROBE_DEADLINE_S,
            check=True,
        )
    except subprocess.CalledProcessError as error:
        last = error.stderr.decode(errors="replace").strip().rpartition("\n")[2]
        return {"problem": f"the probe ended with status {error.returncode}: {last}"}
    except subprocess.TimeoutExpired:
        return {"problem": f"the probe did not answer within {_PROBE_DEADLINE_S:.0f} s"}
    found: Mapping[str, Any] = json.loads(done.stdout)
    return found


def _effective_capabilities() -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("CapEff:"):
            return int(line.split()[1], 16)
    return 0


def _pidfd_works() -> bool:
    try:
        os.close(os.pidfd_open(os.getpid()))
    except (AttributeError, OSError):
        return False
    return True


def _groups(root: Path) -> tuple[str, ...]:
    places = (root, *(root / kind for kind in HIERARCHIES))
    return tuple(group.name for place in places for group in place.glob(f"{PREFIX}*"))


__all__ = ["Finding", "Status", "examine", "require"]

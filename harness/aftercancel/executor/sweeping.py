"""``python -m aftercancel.executor.sweeping``: what killed runs left in the kernel, as JSON.

Prints the names of trace instances and control groups whose run is gone; with ``--remove`` it
removes them, and prints those that went. It mounts the tracefs in a mount namespace of its own, so
that nothing of this machine's is touched but what it removes. Needs root.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from aftercancel.executor import linux
from aftercancel.executor.ownership import PREFIX, Owner, owner
from aftercancel.executor.trace import mount_tracefs
from aftercancel.executor.warden import sweep

_SCRATCH = Path("/tmp")
"""Covered by a tmpfs of our own mount namespace."""
_CGROUPS = Path("/sys/fs/cgroup")


def main() -> None:
    linux.unshare(linux.CLONE_NEWNS)
    linux.mount("", "/", "", linux.MS_REC | linux.MS_PRIVATE)
    linux.mount("tmpfs", str(_SCRATCH), "tmpfs", 0, "size=1m,mode=755")
    tracing = _tracing()
    names = sweep(tracing) if "--remove" in sys.argv[1:] else stale(tracing, _CGROUPS)
    print(json.dumps(sorted(set(names))))


def stale(tracing: Path | None, cgroups: Path) -> tuple[str, ...]:
    """What ``warden.sweep`` would try to remove."""
    places = [cgroups, *(folder for folder in cgroups.glob("*") if folder.is_dir())]
    if tracing is not None:
        places.append(tracing / "instances")
    found = (each.name for place in places for each in place.glob(f"{PREFIX}*"))
    return tuple(name for name in found if owner(name) is Owner.GONE)


def _tracing() -> Path | None:
    place = _SCRATCH / "tracing"
    place.mkdir()
    try:
        mount_tracefs(place)
        (place / "instances").stat()
    except OSError:
        return None
    return place


if __name__ == "__main__":
    main()

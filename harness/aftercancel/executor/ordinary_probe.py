"""``python -m aftercancel.executor.ordinary_probe``: could an ordinary user's executor run here?

Tries what it needs, in namespaces that go with the process, and prints JSON: ``{}``, or the first
``step`` that was refused and the kernel's ``words``.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable

from aftercancel.executor import linux, ordinary

_PLACE = "/sys/kernel"
"""Covered by a tmpfs in the probe's own mount namespace."""


def main() -> None:
    steps: tuple[tuple[str, Callable[[], None]], ...] = (
        ("NAMESPACES", ordinary.leave),
        ("MOUNT", _mount),
        ("OVERLAY", _overlay),
    )
    for name, attempt in steps:
        if _refused(name, attempt):
            return
    pid = os.fork()
    if pid == 0:
        # Only a child is in the new PID namespace.
        refused = _refused("PROC", lambda: linux.mount("proc", "/proc", "proc", ordinary.CAREFUL))
        if not refused:
            print("{}", flush=True)
        os._exit(0)
    os.waitpid(pid, 0)


def _refused(name: str, attempt: Callable[[], None]) -> bool:
    try:
        attempt()
    except OSError as error:
        print(json.dumps({"step": name, "words": str(error)}), flush=True)
        return True
    return False


def _mount() -> None:
    linux.mount("tmpfs", _PLACE, "tmpfs", 0, "size=1m,mode=755")


def _overlay() -> None:
    for name in ("lower", "upper", "work", "root"):
        os.mkdir(f"{_PLACE}/{name}")
    layers = f"lowerdir={_PLACE}/lower,upperdir={_PLACE}/upper,workdir={_PLACE}/work,userxattr"
    linux.mount("overlay", f"{_PLACE}/root", "overlay", 0, layers)


if __name__ == "__main__":
    main()

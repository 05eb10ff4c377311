"""Sandboxes round the smallest of jobs, one after the other, without any evidence gathered.

``python -m benchmarks.bare_sandboxes COUNT`` prints what they cost as JSON; a process of its own,
because it enters a mount namespace of its own. As in the executor, what forks the sandboxes must be
small: whatever it does not need is imported after it was forked.
"""

from __future__ import annotations

import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path

from aftercancel.executor import rootfs
from aftercancel.executor.arrange import Arrangement
from aftercancel.executor.namer import Namer
from aftercancel.executor.warden import Holdings, under_warden
from aftercancel.executor.zygote import Zygotes
from aftercancel.model import Ends
from aftercancel.runners.plain import Assignment

_SMALLEST = Assignment(
    argv=("/bin/true",), env={}, cwd="/", ignored=(), ends=Ends.PROCESS, terminal=False, steps=()
)


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one sandbox, arranged and torn down."""

    cpu_ms: float
    wall_ms: float


def measure(count: int = 200) -> Cost:
    """In a process of its own. Raises ``CouldNotTell``."""
    import subprocess

    from aftercancel.errors import CouldNotTell

    root = Path(__file__).resolve().parent.parent
    path = os.pathsep.join(part for part in (str(root), os.environ.get("PYTHONPATH", "")) if part)
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.bare_sandboxes", str(count)],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise CouldNotTell(f"the bare sandboxes failed: {' '.join(done.stderr.splitlines()[-1:])}")
    return Cost(**json.loads(done.stdout))


def main() -> int:
    count = int(sys.argv[1])

    def work(made: Holdings, zygotes: Zygotes, namer: Namer | None, lifeline: int) -> int:
        import asyncio

        from benchmarks import machine

        del namer, lifeline
        uid = rootfs.build_slot(made.layers, 0)
        arrangement = Arrangement(0, uid, "job", "", (), None, None)
        asyncio.run(_rounds(zygotes, arrangement, count // 10))
        before = machine.look()
        asyncio.run(_rounds(zygotes, arrangement, count))
        after = machine.look()
        cost = {
            "cpu_ms": machine.used_s(before, after) / count * 1000,
            "wall_ms": (after.at_s - before.at_s) / count * 1000,
        }
        os.write(1, json.dumps(cost).encode())
        zygotes.close()
        return 0

    return under_warden(work, want_trace=False)


async def _rounds(zygote: Zygotes, arrangement: Arrangement, count: int) -> None:
    import asyncio

    from aftercancel.executor.sandbox import open_sandbox

    loop = asyncio.get_running_loop()
    for _ in range(count):
        async with open_sandbox(zygote, arrangement, _SMALLEST) as sandbox:
            while b'"report"' not in await loop.sock_recv(sandbox.control, 4096):
                pass


if __name__ == "__main__":
    sys.exit(main())

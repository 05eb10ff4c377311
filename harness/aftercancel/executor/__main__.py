"""``python -m aftercancel.executor``: runs cells; speaks JSON lines on stdin and stdout.

In:  ``{"cell": {…}}`` for each cell to run; end of input ends the executor and all its cells.
Out: ``{"hello": {…}}`` once, ``{"observation": {…}}`` as each cell is decided, and
``{"failed": "…"}`` where the executor itself cannot go on.
"""

from __future__ import annotations

import argparse
import json
import os
import sys

from aftercancel.executor.warden import Holdings, under_warden
from aftercancel.executor.zygote import Zygote
from aftercancel.model import Evidence


def main() -> int:
    parser = argparse.ArgumentParser(prog="aftercancel.executor")
    parser.add_argument("--in-flight", type=int, default=64)
    parser.add_argument("--settle", type=float, default=10.0)
    parser.add_argument("--evidence", choices=[e.value for e in Evidence])
    parser.add_argument("--buffer-kb", type=int)
    options = parser.parse_args()
    if os.geteuid() != 0:
        words = "cells run in namespaces of their own, which needs root: use sudo"
        print(json.dumps({"failed": words}), flush=True)
        return 4
    wanted = Evidence(options.evidence) if options.evidence else None

    def work(made: Holdings, zygote: Zygote, lifeline: int) -> int:
        # Only here, in the executor: what forks sandboxes must stay small.
        from aftercancel.executor.service import Options, Service

        how = Options(options.in_flight, options.settle, wanted, options.buffer_kb)
        return Service(made, zygote, lifeline, how).run()

    return under_warden(work, want_trace=wanted is not Evidence.PROC)


if __name__ == "__main__":
    sys.exit(main())

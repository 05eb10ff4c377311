"""``python -m aftercancel.executor``: runs cells; speaks JSON lines on stdin and stdout.

In:  ``{"cell": {…}}`` for each cell to run; ``{"end": true}``, or the end of input, ends the
executor and all its cells.
Out: ``{"hello": {…}}`` once, ``{"observation": {…}}`` as each cell is decided, and
``{"failed": "…"}`` where the executor itself cannot go on.
"""

from __future__ import annotations

import argparse
import json
import os
import sys

from aftercancel.executor import ordinary
from aftercancel.executor.namer import Namer
from aftercancel.executor.warden import Holdings, under_warden
from aftercancel.executor.zygote import Zygotes
from aftercancel.model import Evidence


def main() -> int:
    parser = argparse.ArgumentParser(prog="aftercancel.executor")
    parser.add_argument("--in-flight", type=int, default=64)
    parser.add_argument("--settle", type=float, default=10.0)
    parser.add_argument("--evidence", choices=[e.value for e in Evidence])
    parser.add_argument("--buffer-kb", type=int)
    parser.add_argument("--environment", type=json.loads, default={}, help="JSON: of the image")
    options = parser.parse_args()
    alone = os.geteuid() != 0
    if alone:
        try:
            ordinary.become_alone()
        except OSError as error:
            words = f"not root, and no namespaces can be had: {error}"
            print(json.dumps({"failed": words}), flush=True)
            return 4
    wanted = Evidence(options.evidence) if options.evidence else None

    def work(made: Holdings, zygotes: Zygotes, namer: Namer | None, lifeline: int) -> int:
        # Only here, in the executor: what forks sandboxes must stay small.
        from aftercancel.executor.service import Options, Service

        how = Options(
            options.in_flight, options.settle, wanted, options.buffer_kb, options.environment
        )
        return Service(made, zygotes, namer, lifeline, how).run()

    want_trace = wanted is not Evidence.PROC and not alone
    return under_warden(work, want_trace=want_trace, alone=alone)


if __name__ == "__main__":
    sys.exit(main())

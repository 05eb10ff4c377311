#!/bin/sh
# The TERM trap only exits; the clean-up is in the EXIT trap. Compare with exit-trap.
# /// aftercancel
# sentence = "An EXIT trap with the clean-up, and a TERM trap that exits, round a foreground child"
# pause_s = 0.3
# roles = ["child"]
# marks = ["ready", "TERM", "EXIT begin", "EXIT end", "after"]
# cleanup = "EXIT"
# ///
mark() { echo "$*" >> "${MARKS:-/dev/stderr}"; }
trap 'mark TERM; exit 143' TERM
trap 'mark EXIT begin; /bin/sleep 0.3; mark EXIT end' EXIT
mark ready
ROLE=child /bin/sleep "${HOLD:-30}"
mark after

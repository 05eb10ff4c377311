#!/bin/sh
# A handler that ends a cancelled job with "success": what does the runner say then?
# /// aftercancel
# sentence = "A TERM trap that exits 0, round a foreground child"
# pause_s = 0.3
# roles = ["child"]
# marks = ["ready", "TERM begin", "TERM end", "after"]
# cleanup = "TERM"
# ///
mark() { echo "$*" >> "${MARKS:-/dev/stderr}"; }
trap 'mark TERM begin; /bin/sleep 0.3; mark TERM end; exit 0' TERM
mark ready
ROLE=child /bin/sleep "${HOLD:-30}"
mark after

#!/bin/bash
# The blog's traps without its tunnel: HUP, INT, QUIT, ABRT and bash's ERR, not TERM, not EXIT.
# The handler does not exit.
# /// aftercancel
# sentence = "The blog's set -Ee and trap cleanup 1 2 3 6 ERR, a foreground child, then an error"
# pause_s = 0.3
# shells = ["bash", "bash-posix"]
# roles = ["child"]
# marks = ["ready", "cleanup begin", "cleanup end", "after"]
# cleanup = "cleanup"
# ///
mark() { echo "$*" >> "${MARKS:-/dev/stderr}"; }
cleanup() { mark cleanup begin; /bin/sleep 0.3; mark cleanup end; }
set -Ee
trap cleanup 1 2 3 6 ERR
mark ready
ROLE=child /bin/sleep "${HOLD:-30}"
false
mark after

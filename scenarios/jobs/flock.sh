#!/bin/sh
# The kernel keeps this lock for as long as anybody has the file open: also a child that
# inherited it. (9>&9 hands it to flock in ksh and mksh too, which close it otherwise.)
# /// aftercancel
# sentence = "A lock on an open file (flock), held by whoever inherits it; no trap"
# roles = ["child"]
# marks = ["ready", "locked", "after"]
# needs = ["flock"]
# ///
mark() { echo "$*" >> "${MARKS:-/dev/stderr}"; }
mark ready
exec 9> job.lock
/usr/bin/flock -n 9 9>&9
mark locked
ROLE=child /bin/sleep "${HOLD:-30}"
mark after

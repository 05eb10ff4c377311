#!/bin/sh
# The classic: the next run finds the lock and refuses to start.
# /// aftercancel
# sentence = "A lock file, removed by an EXIT trap"
# pause_s = 0.3
# roles = ["child"]
# marks = ["ready", "locked", "EXIT begin", "EXIT end"]
# cleanup = "EXIT"
# removes = ["/home/ci/job.lock"]
# ///
mark() { echo "$*" >> "${MARKS:-/dev/stderr}"; }
trap 'mark EXIT begin; /bin/sleep 0.3; /bin/rm -f job.lock; mark EXIT end' EXIT
mark ready
set -C  # > makes the file or fails: nobody else can hold the lock
echo "$$" > job.lock
mark locked
ROLE=child /bin/sleep "${HOLD:-30}"

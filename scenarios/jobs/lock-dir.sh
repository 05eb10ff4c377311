#!/bin/sh
# mkdir makes it or fails, in one step: the portable lock.
# /// aftercancel
# sentence = "A lock directory, removed by an EXIT trap"
# pause_s = 0.3
# roles = ["child"]
# marks = ["ready", "locked", "EXIT begin", "EXIT end"]
# cleanup = "EXIT"
# removes = ["/home/ci/job.lock.d"]
# ///
mark() { echo "$*" >> "${MARKS:-/dev/stderr}"; }
trap 'mark EXIT begin; /bin/sleep 0.3; /bin/rmdir job.lock.d; mark EXIT end' EXIT
mark ready
/bin/mkdir job.lock.d
mark locked
ROLE=child /bin/sleep "${HOLD:-30}"

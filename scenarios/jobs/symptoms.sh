#!/bin/sh
# The gist begins with these: stale lock files and pid files, overlapping processes, jobs
# that end without clean-up. This job has all that can go wrong, and a clean-up for it.
# /// aftercancel
# sentence = "A lock file, a daemon with its pid file, and an EXIT trap that undoes all three"
# pause_s = 0.3
# roles = ["daemon", "child"]
# marks = ["ready", "locked", "EXIT begin", "EXIT end"]
# cleanup = "EXIT"
# removes = ["/home/ci/job.lock", "/home/ci/daemon.pid"]
# ///
mark() { echo "$*" >> "${MARKS:-/dev/stderr}"; }
daemon='echo $$ > daemon.pid; exec /bin/sleep 600'
cleanup() {
    mark EXIT begin
    [ ! -e daemon.pid ] || kill "$(/bin/cat daemon.pid)"
    /bin/sleep 0.3
    /bin/rm -f daemon.pid job.lock
    mark EXIT end
}
trap cleanup EXIT
mark ready
set -C  # > makes the file or fails: nobody else can hold the lock
echo "$$" > job.lock
mark locked
( ROLE=daemon /usr/bin/setsid /bin/sh -c "$daemon" < /dev/null > /dev/null 2>&1 & )
ROLE=child /bin/sleep "${HOLD:-30}"

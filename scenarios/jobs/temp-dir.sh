#!/bin/sh
# Its name is fixed (mktemp would make one up), so that two runs leave the same behind.
# /// aftercancel
# sentence = "A temporary directory with something in it, removed by an EXIT trap"
# pause_s = 0.3
# roles = ["child"]
# marks = ["ready", "made", "EXIT begin", "EXIT end"]
# cleanup = "EXIT"
# removes = ["/tmp/job.d"]
# ///
mark() { echo "$*" >> "${MARKS:-/dev/stderr}"; }
trap 'mark EXIT begin; /bin/sleep 0.3; /bin/rm -rf "$dir"; mark EXIT end' EXIT
mark ready
dir=${TMPDIR:-/tmp}/job.d
/bin/mkdir "$dir"
echo secret > "$dir/token"
mark made
ROLE=child /bin/sleep "${HOLD:-30}"

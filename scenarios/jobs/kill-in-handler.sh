#!/bin/sh
# The gist: "it's not enough to create a signal handler that more forcefully KILLs it".
# The handler would end the stuck child, if only it were called.
# /// aftercancel
# sentence = "A TERM trap that kills a foreground child which ignores TERM"
# pause_s = 0.3
# roles = ["child"]
# marks = ["ready", "TERM begin", "TERM end"]
# cleanup = "TERM"
# removes = ["/home/ci/child.pid"]
# ///
mark() { echo "$*" >> "${MARKS:-/dev/stderr}"; }
stuck='trap "" TERM; echo $$ > child.pid; exec /bin/sleep "${HOLD:-30}"'
handler() {
    mark TERM begin
    kill -KILL "$(/bin/cat child.pid)"
    /bin/sleep 0.3
    /bin/rm child.pid
    mark TERM end
    exit 143
}
trap handler TERM
mark ready
ROLE=child /bin/sh -c "$stuck"
/bin/rm child.pid

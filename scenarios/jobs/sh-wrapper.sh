#!/bin/sh
# The gist's recommendation 1: "or use a shell trick (run the subprocess as a background
# task and call wait)", because a handler that KILLs a stuck child must be called in time.
# /// aftercancel
# sentence = "Recommendation 1 in shell: a wrapper that kills a child which ignores TERM"
# roles = ["child"]
# marks = ["ready", "TERM begin", "TERM end"]
# cleanup = "TERM"
# pause_s = 1.0
# ///
mark() { echo "$*" >> "${MARKS:-/dev/stderr}"; }
stop() {
    mark TERM begin
    kill "$child" || true
    /bin/sleep 1
    kill -KILL "$child" || true
    wait "$child" || true
    mark TERM end
    exit 143
}
trap stop HUP TERM
mark ready
ROLE=child /bin/sh -c 'trap "" TERM; exec /bin/sleep "${HOLD:-30}"' &
child=$!
wait "$child"

#!/bin/sh
# The gist's shell trick: the child runs in the background, the script waits for it,
# so the trap does not have to.
# /// aftercancel
# sentence = "A background child and wait; the TERM trap kills the child, waits for it, exits"
# pause_s = 0.3
# roles = ["child"]
# marks = ["ready", "TERM begin", "TERM end", "after"]
# cleanup = "TERM"
# ///
mark() { echo "$*" >> "${MARKS:-/dev/stderr}"; }
trap 'mark TERM begin; kill "$child"; wait "$child"; /bin/sleep 0.3; mark TERM end; exit 143' TERM
mark ready
ROLE=child /bin/sleep "${HOLD:-30}" &
child=$!
wait "$child"
mark after

#!/bin/sh
# POSIX: a signal that was ignored when a shell was started cannot be trapped. By hand:
#   (trap '' HUP INT TERM; exec sh ignored-at-entry.sh)
# The child runs in the background, so a trap that was set is heard at once. It has
# inherited the deafness, so the clean-up ends it with KILL.
# /// aftercancel
# sentence = "Started with HUP, INT and TERM ignored, the script sets traps for them"
# pause_s = 0.3
# roles = ["child"]
# marks = ["ready", "cleanup begin", "cleanup end", "after"]
# cleanup = "cleanup"
# ignored = ["HUP", "INT", "TERM"]
# ///
mark() { echo "$*" >> "${MARKS:-/dev/stderr}"; }
cleanup() { mark cleanup begin; kill -KILL "$child"; /bin/sleep 0.3; mark cleanup end; exit 1; }
trap cleanup HUP INT TERM
mark ready
ROLE=child /bin/sleep "${HOLD:-30}" &
child=$!
wait "$child"
mark after

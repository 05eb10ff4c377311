#!/bin/sh
# A much copied idiom: the trap tells everybody in the script's process group. Without job
# control that is also the group of whoever started the script, up to the next setsid.
# /// aftercancel
# sentence = "The TERM trap does kill 0: it tells its own process group, whoever else is in there"
# roles = ["child"]
# marks = ["ready", "TERM begin", "TERM end", "after"]
# cleanup = "TERM"
# pause_s = 0.3
# ///
mark() { echo "$*" >> "${MARKS:-/dev/stderr}"; }
trap 'trap "" TERM; mark TERM begin; kill 0; wait "$child"; /bin/sleep 0.3; mark TERM end; exit 143' TERM
ROLE=child /bin/sleep "${HOLD:-30}" &
child=$!
mark ready
wait "$child"
mark after

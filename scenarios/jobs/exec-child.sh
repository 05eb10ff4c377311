#!/bin/sh
# exec puts the child in the script's place: same process, and the trap is gone.
# /// aftercancel
# sentence = "An EXIT trap, and then exec of the child"
# pause_s = 0.3
# roles = ["child"]
# marks = ["ready", "EXIT begin", "EXIT end"]
# cleanup = "EXIT"
# ///
mark() { echo "$*" >> "${MARKS:-/dev/stderr}"; }
trap 'mark EXIT begin; /bin/sleep 0.3; mark EXIT end' EXIT
mark ready
export ROLE=child
exec /bin/sleep "${HOLD:-30}"

#!/bin/sh
# The first thing that the clean-up does is to make itself deaf, and with it every
# command that it starts: a second signal must not end it in the middle.
# /// aftercancel
# sentence = "An EXIT trap that first ignores the signals and then cleans up for 1 s"
# roles = ["child"]
# marks = ["ready", "EXIT begin", "EXIT end"]
# cleanup = "EXIT"
# pause_s = 1.0
# ///
mark() { echo "$*" >> "${MARKS:-/dev/stderr}"; }
cleanup() {
    trap '' HUP INT TERM
    mark EXIT begin
    /bin/sleep 1
    mark EXIT end
}
trap 'exit 143' TERM
trap cleanup EXIT
mark ready
ROLE=child /bin/sleep "${HOLD:-30}"

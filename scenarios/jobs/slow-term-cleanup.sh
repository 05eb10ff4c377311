#!/bin/sh
# The same slow clean-up as slow-cleanup, but in a TERM trap that is heard at once.
# /// aftercancel
# sentence = "A TERM trap whose clean-up takes a while, round a background child and wait"
# roles = ["child"]
# marks = ["ready", "TERM begin", "TERM end", "after"]
# cleanup = "TERM"
# [variant."slow-term-cleanup-0.2"]
# sentence = "A TERM trap whose clean-up takes 0.2 s, round a background child and wait"
# env = { PAUSE = "0.2" }
# [variant.slow-term-cleanup-1]
# sentence = "A TERM trap whose clean-up takes 1 s, round a background child and wait"
# env = { PAUSE = "1" }
# pause_s = 1.0
# [variant.slow-term-cleanup-4]
# sentence = "A TERM trap whose clean-up takes 4 s, round a background child and wait"
# env = { PAUSE = "4" }
# pause_s = 4.0
# ///
mark() { echo "$*" >> "${MARKS:-/dev/stderr}"; }
cleanup() {
    mark TERM begin
    kill "$child"
    wait "$child"
    /bin/sleep "${PAUSE:-1}"
    mark TERM end
    exit 143
}
trap cleanup TERM
mark ready
ROLE=child /bin/sleep "${HOLD:-30}" &
child=$!
wait "$child"
mark after

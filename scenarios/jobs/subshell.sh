#!/bin/sh
# A subshell is a process too, and not every trap goes with it.
# /// aftercancel
# sentence = "A subshell in the foreground with the child in it, and an EXIT trap outside"
# pause_s = 0.3
# roles = ["child"]
# marks = ["ready", "inside", "EXIT begin", "EXIT end"]
# cleanup = "EXIT"
# ///
mark() { echo "$*" >> "${MARKS:-/dev/stderr}"; }
trap 'mark EXIT begin; /bin/sleep 0.3; mark EXIT end' EXIT
mark ready
(
    ROLE=child /bin/sleep "${HOLD:-30}"
    mark inside
)

#!/bin/sh
# The clean-up is a program of its own, started by the handler: it is born after the
# cancellation, so a runner that made a list of its victims does not know it.
# /// aftercancel
# sentence = "The handler's clean-up is done by a child that the handler starts"
# roles = ["child"]
# marks = ["ready", "EXIT begin", "EXIT end"]
# cleanup = "EXIT"
# pause_s = 0.5
# ///
mark() { echo "$*" >> "${MARKS:-/dev/stderr}"; }
cleaner='/bin/sleep 0.5; echo EXIT end >> "${MARKS:-/dev/stderr}"'
trap 'exit 143' TERM
trap 'mark EXIT begin; ROLE=cleaner /bin/sh -c "$cleaner"' EXIT
mark ready
ROLE=child /bin/sleep "${HOLD:-30}"

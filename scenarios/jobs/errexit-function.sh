#!/bin/sh
# As errexit-exit-trap, but the command that fails stands in a function, where most do.
# /// aftercancel
# sentence = "set -e, an EXIT trap, a foreground child, and then a failure inside a function"
# pause_s = 0.3
# roles = ["child"]
# marks = ["ready", "EXIT begin", "EXIT end", "after"]
# cleanup = "EXIT"
# ///
mark() { echo "$*" >> "${MARKS:-/dev/stderr}"; }
deploy() {
    ROLE=child /bin/sleep "${HOLD:-30}"
    false
    mark after
}
set -e
trap 'mark EXIT begin; /bin/sleep 0.3; mark EXIT end' EXIT
mark ready
deploy
mark after

#!/bin/sh
# POSIX has no ERR, but an EXIT trap sees a failing command as well, under set -e.
# /// aftercancel
# sentence = "set -e, an EXIT trap, a foreground child, and then a command that fails"
# pause_s = 0.3
# roles = ["child"]
# marks = ["ready", "EXIT begin", "EXIT end", "after"]
# cleanup = "EXIT"
# ///
mark() { echo "$*" >> "${MARKS:-/dev/stderr}"; }
set -e
trap 'mark EXIT begin; /bin/sleep 0.3; mark EXIT end' EXIT
mark ready
ROLE=child /bin/sleep "${HOLD:-30}"
false
mark after

#!/bin/sh
# The handler does not exit, so the script goes on behind it, unless -e ends it.
# /// aftercancel
# sentence = "A TERM trap that does not exit, round a foreground child, and one more command"
# pause_s = 0.3
# roles = ["child"]
# marks = ["ready", "TERM begin", "TERM end", "after"]
# cleanup = "TERM"
# ///
mark() { echo "$*" >> "${MARKS:-/dev/stderr}"; }
trap 'mark TERM begin; /bin/sleep 0.3; mark TERM end' TERM
mark ready
ROLE=child /bin/sleep "${HOLD:-30}"
mark after

#!/bin/sh
# The gist's advice in its shortest form: put the clean-up into the EXIT trap.
# /// aftercancel
# sentence = "An EXIT trap and nothing else, round a foreground child: which signals reach it?"
# pause_s = 0.3
# roles = ["child"]
# marks = ["ready", "EXIT begin", "EXIT end"]
# cleanup = "EXIT"
# ///
mark() { echo "$*" >> "${MARKS:-/dev/stderr}"; }
trap 'mark EXIT begin; /bin/sleep 0.3; mark EXIT end' EXIT
mark ready
ROLE=child /bin/sleep "${HOLD:-30}"

#!/bin/sh
# The gist's advice in its shortest form: put the clean-up into the EXIT trap.
# /// aftercancel
# sentence = "An EXIT trap and nothing else, round a foreground child: which signals reach it?"
# pause_s = 0.3
# roles = ["child"]
# marks = ["ready", "EXIT begin", "EXIT end"]
# cleanup = "EXIT"
# default = true
# [variant.exit-trap-after-script]
# sentence = "An EXIT trap round a foreground child, in a job that has an after_script too"
# marks = ["ready", "EXIT begin", "EXIT end", "after_script begin", "after_script end"]
# after = """
# echo after_script begin >> "$MARKS"
# /bin/sleep 0.2
# echo after_script end >> "$MARKS"
# """
# ///
mark() { echo "$*" >> "${MARKS:-/dev/stderr}"; }
trap 'mark EXIT begin; /bin/sleep 0.3; mark EXIT end' EXIT
mark ready
ROLE=child /bin/sleep "${HOLD:-30}"

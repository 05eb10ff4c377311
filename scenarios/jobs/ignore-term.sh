#!/bin/sh
# The script is deaf to TERM, and so is everything that it starts.
# /// aftercancel
# sentence = "TERM is ignored by the script and, by inheritance, by its foreground child"
# roles = ["child"]
# marks = ["ready", "after"]
# default = true
# [variant.ignore-term-after-script]
# sentence = "TERM is ignored by the script and its foreground child, in a job that has an after_script too"
# marks = ["ready", "after", "after_script begin", "after_script end"]
# after = """
# echo after_script begin >> "$MARKS"
# /bin/sleep 0.2
# echo after_script end >> "$MARKS"
# """
# ///
mark() { echo "$*" >> "${MARKS:-/dev/stderr}"; }
trap '' TERM
mark ready
ROLE=child /bin/sleep "${HOLD:-30}"
mark after

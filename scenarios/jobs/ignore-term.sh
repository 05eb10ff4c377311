#!/bin/sh
# The script is deaf to TERM, and so is everything that it starts.
# /// aftercancel
# sentence = "TERM is ignored by the script and, by inheritance, by its foreground child"
# roles = ["child"]
# marks = ["ready", "after"]
# ///
mark() { echo "$*" >> "${MARKS:-/dev/stderr}"; }
trap '' TERM
mark ready
ROLE=child /bin/sleep "${HOLD:-30}"
mark after

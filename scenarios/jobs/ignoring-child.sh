#!/bin/sh
# One program in the tree that does not listen, as many do.
# /// aftercancel
# sentence = "The foreground child ignores TERM, the script does not"
# roles = ["child"]
# marks = ["ready", "after"]
# ///
mark() { echo "$*" >> "${MARKS:-/dev/stderr}"; }
mark ready
ROLE=child /bin/sh -c 'trap "" TERM; exec /bin/sleep "${HOLD:-30}"'
mark after

#!/bin/sh
# The script, a shell that it starts, and what that shell starts: who is left of them?
# /// aftercancel
# sentence = "Three levels, each in the foreground of the one above, no trap"
# roles = ["middle", "leaf"]
# marks = ["ready", "after"]
# ///
mark() { echo "$*" >> "${MARKS:-/dev/stderr}"; }
mark ready
ROLE=middle /bin/sh -c 'ROLE=leaf /bin/sleep "${HOLD:-30}"; exit "$?"'
mark after

#!/bin/sh
# Every level cleans up after itself; the script starts itself for the lower ones.
# /// aftercancel
# sentence = "Three shells, each in the foreground of the one above, each with TERM and EXIT traps"
# pause_s = 0.3
# roles = ["middle", "leaf", "child"]
# marks = ["ready", "job begin", "job end", "middle begin", "middle end", "leaf begin", "leaf end"]
# cleanup = "job"
# ///
mark() { echo "$*" >> "${MARKS:-/dev/stderr}"; }
level=${1:-job}
trap 'exit 143' TERM
trap 'mark "$level" begin; /bin/sleep 0.3; mark "$level" end' EXIT
case $level in
job)    mark ready
        ROLE=middle /bin/sh "$0" middle ;;
middle) ROLE=leaf /bin/sh "$0" leaf ;;
leaf)   ROLE=child /bin/sleep "${HOLD:-30}" ;;
esac

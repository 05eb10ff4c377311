#!/bin/sh
# Every signal that can be trapped tells when it is handled; none of the handlers exits.
# /// aftercancel
# sentence = "HUP, INT, QUIT, TERM and EXIT are trapped, round a foreground child"
# pause_s = 0.3
# roles = ["child"]
# marks = ["ready", "HUP begin", "HUP end", "INT begin", "INT end", "QUIT begin", "QUIT end",
#          "TERM begin", "TERM end", "EXIT begin", "EXIT end", "after"]
# cleanup = "EXIT"
# ///
mark() { echo "$*" >> "${MARKS:-/dev/stderr}"; }
handle() { mark "$1" begin; /bin/sleep 0.3; mark "$1" end; }
trap 'handle HUP' HUP
trap 'handle INT' INT
trap 'handle QUIT' QUIT
trap 'handle TERM' TERM
trap 'handle EXIT' EXIT
mark ready
ROLE=child /bin/sleep "${HOLD:-30}"
mark after

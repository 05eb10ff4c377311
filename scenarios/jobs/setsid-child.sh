#!/bin/sh
# Out of the process group and the session, but with the build's whole environment.
# /// aftercancel
# sentence = "A background child in a session of its own, then a foreground child"
# roles = ["aside", "child"]
# marks = ["ready", "after"]
# default = true
# [variant.setsid-child-ends]
# sentence = "A background child in a session of its own; then the script ends"
# roles = ["aside"]
# env = { WORK = "0.3" }
# ends = true
# pause_s = 0.3
# ///
mark() { echo "$*" >> "${MARKS:-/dev/stderr}"; }
mark ready
ROLE=aside /usr/bin/setsid /bin/sleep "${HOLD:-30}" > /dev/null 2>&1 &
ROLE=child /bin/sleep "${WORK:-${HOLD:-30}}"
mark after

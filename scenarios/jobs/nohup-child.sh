#!/bin/sh
# Made for a terminal that is closed: does it also survive a cancel?
# /// aftercancel
# sentence = "A background child that nohup has made deaf to HUP, then a foreground child"
# roles = ["aside", "child"]
# marks = ["ready", "after"]
# default = true
# [variant.nohup-child-ends]
# sentence = "A background child that nohup has made deaf to HUP; then the script ends"
# roles = ["aside"]
# env = { WORK = "0.3" }
# ends = true
# pause_s = 0.3
# ///
mark() { echo "$*" >> "${MARKS:-/dev/stderr}"; }
mark ready
ROLE=aside /usr/bin/nohup /bin/sleep "${HOLD:-30}" > /dev/null 2>&1 &
ROLE=child /bin/sleep "${WORK:-${HOLD:-30}}"
mark after

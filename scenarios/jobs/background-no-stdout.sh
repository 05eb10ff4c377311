#!/bin/sh
# The script is over at once, well (LAST=true) or badly (LAST=false, under -e); what
# it started in the background is not, and holds the script's errors open.
# /// aftercancel
# sentence = "The script ends well and leaves a background child that holds its errors open, not its output"
# pause_s = 0.3
# roles = ["background"]
# marks = ["ready", "after"]
# ends = true
# default = true
# [variant.background-no-stdout-fails]
# sentence = "Under -e the script fails and leaves a background child that holds its errors open, not its output"
# env = { LAST = "false" }
# ///
mark() { echo "$*" >> "${MARKS:-/dev/stderr}"; }
mark ready
ROLE=background /bin/sleep "${HOLD:-30}" > /dev/null &
/bin/sleep 0.3
"${LAST:-true}"
mark after

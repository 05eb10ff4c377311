#!/bin/sh
# The script is over at once, well (LAST=true) or badly (LAST=false, under -e); what
# it started in the background is not, and holds both of the script's outputs open.
# /// aftercancel
# sentence = "The script ends well and leaves a background child that holds its output and its errors open"
# pause_s = 0.3
# roles = ["background"]
# marks = ["ready", "after"]
# ends = true
# default = true
# [variant.background-holds-output-fails]
# sentence = "Under -e the script fails and leaves a background child that holds its output and its errors open"
# env = { LAST = "false" }
# [variant.background-holds-output-after-script]
# sentence = "The script ends well, has an after_script, and a background child holds its output and errors open"
# marks = ["ready", "after", "after_script begin", "after_script end"]
# after = """
# echo after_script begin >> "$MARKS"
# /bin/sleep 0.2
# echo after_script end >> "$MARKS"
# """
# [variant.background-holds-output-fails-after-script]
# sentence = "Under -e the script fails, has an after_script, and a background child holds its output and errors open"
# marks = ["ready", "after", "after_script begin", "after_script end"]
# env = { LAST = "false" }
# after = """
# echo after_script begin >> "$MARKS"
# /bin/sleep 0.2
# echo after_script end >> "$MARKS"
# """
# ///
mark() { echo "$*" >> "${MARKS:-/dev/stderr}"; }
mark ready
ROLE=background /bin/sleep "${HOLD:-30}" &
/bin/sleep 0.3
"${LAST:-true}"
mark after

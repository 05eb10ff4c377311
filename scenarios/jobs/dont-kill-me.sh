#!/bin/sh
# Jenkins ends what still carries its build's variables; BUILD_ID=dontKillMe is its documented way
# out (wiki, "ProcessTreeKiller").
# /// aftercancel
# sentence = "A child in a session of its own with another BUILD_ID, then a foreground child"
# roles = ["aside", "child"]
# marks = ["ready", "after"]
# default = true
# [variant.dont-kill-me-ends]
# sentence = "A child in a session of its own with another BUILD_ID; then the script ends"
# roles = ["aside"]
# env = { WORK = "0.3" }
# ends = true
# pause_s = 0.3
# ///
mark() { echo "$*" >> "${MARKS:-/dev/stderr}"; }
mark ready
BUILD_ID=dontKillMe ROLE=aside /usr/bin/setsid /bin/sleep "${HOLD:-30}" > /dev/null 2>&1 &
ROLE=child /bin/sleep "${WORK:-${HOLD:-30}}"
mark after

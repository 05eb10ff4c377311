#!/bin/sh
# Dies of a signal, as after a fault or when there is no memory left.
# /// aftercancel
# marks = ["ready"]
# pause_s = 0.3
# [variant.tty-dies-term]
# sentence = "The job dies of TERM: what does the runner see?"
# env = { SIGNAL = "TERM" }
# [variant.tty-dies-kill]
# sentence = "The job dies of KILL: what does the runner see?"
# env = { SIGNAL = "KILL" }
# ///
mark() { echo "$*" >> "${MARKS:-/dev/stderr}"; }
mark ready
/bin/sleep 0.3
kill -s "${SIGNAL:-TERM}" "$$"

#!/bin/sh
# Two more of its kind wait in the runner's queue. What becomes of them, whatever becomes of this?
# /// aftercancel
# sentence = "A foreground child, while two jobs of the same kind wait behind it"
# roles = ["child"]
# marks = ["ready", "after"]
# queued = 2
# default = true
# [variant.queued-holds-output]
# sentence = "A background child that holds the output open, while two jobs wait behind it"
# roles = ["background", "child"]
# env = { HOLDS = "yes" }
# [variant.queued-ignores-term]
# sentence = "Script and child ignore TERM, while two jobs of the same kind wait behind it"
# env = { DEAF = "yes" }
# ///
mark() { echo "$*" >> "${MARKS:-/dev/stderr}"; }
if [ -n "${DEAF:-}" ]; then trap '' TERM; fi
mark ready
if [ -n "${HOLDS:-}" ]; then ROLE=background /bin/sleep "${HOLD:-30}" & fi
ROLE=child /bin/sleep "${HOLD:-30}"
mark after

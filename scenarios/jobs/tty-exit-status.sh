#!/bin/sh
# Ends with a status that means something to whoever called it.
# /// aftercancel
# sentence = "The job ends with status 3: what does the runner see?"
# marks = ["ready"]
# pause_s = 0.3
# ///
mark() { echo "$*" >> "${MARKS:-/dev/stderr}"; }
mark ready
/bin/sleep 0.3
exit 3

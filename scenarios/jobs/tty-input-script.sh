#!/bin/sh
# A shell that reads its script from the input, as in `ssh host sh < script`.
# By hand: `echo 'echo $((1 + 1))' | sh tty-input-script.sh`
# /// aftercancel
# sentence = "A shell reads its script from the job's input: does it run it, and end?"
# marks = ["ready"]
# pause_s = 0.3
# input = "echo sum $((1 + 1))\n"
# ///
mark() { echo "$*" >> "${MARKS:-/dev/stderr}"; }
mark ready
/bin/sh
/bin/sleep 0.3

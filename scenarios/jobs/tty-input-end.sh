#!/bin/sh
# Reads to the end of its input, as `tar x`, `wc` or `while read` do.
# By hand: `echo one | sh tty-input-end.sh`
# /// aftercancel
# sentence = "The input has a line and is closed: does the job see its end?"
# marks = ["ready"]
# pause_s = 0.3
# input = "one\n"
# ///
mark() { echo "$*" >> "${MARKS:-/dev/stderr}"; }
mark ready
/bin/cat > /dev/null
echo "end seen"
/bin/sleep 0.3

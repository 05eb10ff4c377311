#!/bin/sh
# Reads from an input that has nothing, as runners give it to jobs.
# By hand: `sh tty-no-input.sh < /dev/null`
# /// aftercancel
# sentence = "The input is /dev/null: does the job see its end?"
# marks = ["ready"]
# pause_s = 0.3
# ///
mark() { echo "$*" >> "${MARKS:-/dev/stderr}"; }
mark ready
/bin/cat > /dev/null
echo "end seen"
/bin/sleep 0.3

#!/bin/sh
# The same amount as one line would be too much, in lines that are not.
# By hand: `yes | sh tty-input-many-lines.sh`
# /// aftercancel
# sentence = "10000 bytes in lines of 50 on its input: how many does the job get?"
# marks = ["ready"]
# pause_s = 0.3
# input = "0123456789012345678901234567890123456789012345678\n"
# input_times = 200
# ///
mark() { echo "$*" >> "${MARKS:-/dev/stderr}"; }
mark ready
echo "bytes: $(/usr/bin/head -c 10000 | /usr/bin/wc -c)"
/bin/sleep 0.3

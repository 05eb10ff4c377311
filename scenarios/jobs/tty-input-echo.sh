#!/bin/sh
# Reads a line and prints nothing of it. By hand: `echo secret | sh tty-input-echo.sh`
# /// aftercancel
# sentence = "A line on its input, of which the job prints nothing: is it in the output?"
# marks = ["ready"]
# pause_s = 0.3
# input = "secret\n"
# ///
mark() { echo "$*" >> "${MARKS:-/dev/stderr}"; }
mark ready
read -r line
echo "read ${#line} characters"
/bin/sleep 0.3

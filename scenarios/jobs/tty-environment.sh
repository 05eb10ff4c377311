#!/bin/sh
# What the job is told about its terminal: TERM, COLUMNS, and the size that the kernel knows.
# /// aftercancel
# sentence = "What are TERM, COLUMNS and the size of the window?"
# marks = ["ready"]
# pause_s = 0.3
# ///
mark() { echo "$*" >> "${MARKS:-/dev/stderr}"; }
mark ready
echo "TERM: ${TERM-unset}"
echo "COLUMNS: ${COLUMNS-unset}"
size=$(/bin/stty size 2> /dev/null)
echo "size: ${size:-no terminal}"
/bin/sleep 0.3

#!/bin/sh
# More than any buffer between the two hosts holds, in one line, and then the end at once.
# /// aftercancel
# sentence = "One line of 200000 bytes on stdout, then the end: does all of it arrive?"
# marks = ["ready"]
# pause_s = 0.3
# ///
mark() { echo "$*" >> "${MARKS:-/dev/stderr}"; }
mark ready
/usr/bin/head -c 200000 /dev/zero | /usr/bin/tr '\0' x
/bin/sleep 0.3

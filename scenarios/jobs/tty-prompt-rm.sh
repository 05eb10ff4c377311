#!/bin/sh
# rm asks before it removes what is write-protected when its input is a terminal, and waits.
# (root is never asked: it may write to everything.)
# /// aftercancel
# sentence = "rm of a write-protected file, nobody there to answer: does it ask?"
# marks = ["ready"]
# pause_s = 0.3
# ///
mark() { echo "$*" >> "${MARKS:-/dev/stderr}"; }
folder=$(/bin/mktemp -d)
trap '/bin/rm -rf "$folder"' EXIT
cd "$folder" || exit
echo text > file
/bin/chmod 444 file
mark ready
/bin/rm file
if [ -e file ]; then echo kept; else echo removed; fi
/bin/sleep 0.3

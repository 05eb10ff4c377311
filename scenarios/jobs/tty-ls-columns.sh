#!/bin/sh
# `ls` of three files, as a script reads it that takes a line for a name.
# /// aftercancel
# sentence = "ls without options: a name a line, or columns?"
# marks = ["ready"]
# pause_s = 0.3
# ///
mark() { echo "$*" >> "${MARKS:-/dev/stderr}"; }
folder=$(/bin/mktemp -d)
trap '/bin/rm -rf "$folder"' EXIT
: > "$folder/alpha"
: > "$folder/beta"
: > "$folder/gamma"
mark ready
/bin/ls "$folder"
/bin/sleep 0.3

#!/bin/sh
# Programs that start a pager when they take the reader for a person. A pager waits for keys.
# /// aftercancel
# marks = ["ready"]
# pause_s = 0.3
# [variant.tty-pager-pydoc]
# sentence = "python3 -m pydoc, TERM=xterm: does it start a pager?"
# env = { PROGRAM = "pydoc", TERM = "xterm" }
# needs = ["python3"]
# [variant.tty-pager-git]
# sentence = "git diff of a hundred lines, TERM=xterm: does it start a pager?"
# env = { PROGRAM = "git", TERM = "xterm" }
# needs = ["git", "less"]
# ///
mark() { echo "$*" >> "${MARKS:-/dev/stderr}"; }
folder=$(/bin/mktemp -d)
trap '/bin/rm -rf "$folder"' EXIT
cd "$folder" || exit
/usr/bin/seq 100 > numbers
mark ready
case ${PROGRAM:-pydoc} in
    pydoc) /usr/bin/python3 -m pydoc shlex ;;
    git) PAGER=less /usr/bin/git diff --no-index /dev/null numbers || : ;;
esac
/bin/sleep 0.3

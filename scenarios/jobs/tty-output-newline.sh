#!/bin/sh
# Two short lines. A terminal makes of each newline what a teletype needed (termios(3), ONLCR).
# /// aftercancel
# sentence = "Two lines and a tab on stdout: does a newline arrive as one?"
# marks = ["ready"]
# pause_s = 0.3
# ///
mark() { echo "$*" >> "${MARKS:-/dev/stderr}"; }
mark ready
printf 'one\n\ttwo\n'
/bin/sleep 0.3

#!/bin/sh
# With set -m every job gets a process group of its own, as at an interactive prompt.
# dash, ash and yash need a terminal for that, zsh refuses without one.
# /// aftercancel
# sentence = "A background child under set -m, then a foreground child, no trap"
# roles = ["background", "child"]
# marks = ["ready", "after"]
# ///
mark() { echo "$*" >> "${MARKS:-/dev/stderr}"; }
set -m
mark ready
ROLE=background /bin/sleep "${HOLD:-30}" &
ROLE=child /bin/sleep "${HOLD:-30}"
mark after

#!/bin/sh
# Who is reached: the child in the foreground, the one in the background, both, none?
# /// aftercancel
# sentence = "A background child, then a foreground child, no trap"
# roles = ["background", "child"]
# marks = ["ready", "after"]
# ///
mark() { echo "$*" >> "${MARKS:-/dev/stderr}"; }
mark ready
ROLE=background /bin/sleep "${HOLD:-30}" &
ROLE=child /bin/sleep "${HOLD:-30}"
mark after

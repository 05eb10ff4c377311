#!/bin/sh
# Nothing is prepared for a cancellation. The last line keeps a shell from turning
# itself into the child, and shows which shells go on after the child has died.
# /// aftercancel
# sentence = "A foreground child and no trap: what a shell does when nobody told it anything"
# roles = ["child"]
# marks = ["ready", "after"]
# ///
mark() { echo "$*" >> "${MARKS:-/dev/stderr}"; }
mark ready
ROLE=child /bin/sleep "${HOLD:-30}"
mark after

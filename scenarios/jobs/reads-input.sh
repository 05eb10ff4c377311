#!/bin/sh
# A child that reads until nobody can write to it any more.
# /// aftercancel
# sentence = "A foreground child that reads the script's input to its end, and an EXIT trap"
# pause_s = 0.3
# roles = ["child"]
# marks = ["ready", "EXIT begin", "EXIT end"]
# cleanup = "EXIT"
# ///
mark() { echo "$*" >> "${MARKS:-/dev/stderr}"; }
trap 'mark EXIT begin; /bin/sleep 0.3; mark EXIT end' EXIT
mark ready
ROLE=child /bin/cat > /dev/null

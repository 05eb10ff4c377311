#!/bin/sh
# Both ends of a pipe are children of the script (in zsh, ksh and others: if they are programs).
# /// aftercancel
# sentence = "A child whose output runs through cat, and an EXIT trap"
# pause_s = 0.3
# roles = ["child", "reader"]
# marks = ["ready", "EXIT begin", "EXIT end"]
# cleanup = "EXIT"
# ///
mark() { echo "$*" >> "${MARKS:-/dev/stderr}"; }
trap 'mark EXIT begin; /bin/sleep 0.3; mark EXIT end' EXIT
mark ready
ROLE=child /bin/sleep "${HOLD:-30}" | ROLE=reader /bin/cat

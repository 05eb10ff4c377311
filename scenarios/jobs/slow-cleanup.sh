#!/bin/sh
# How long may a clean-up take before somebody cuts it off? PAUSE is its length in seconds.
# /// aftercancel
# sentence = "An EXIT trap whose clean-up takes a while, round a foreground child"
# roles = ["child"]
# marks = ["ready", "EXIT begin", "EXIT end"]
# cleanup = "EXIT"
# [variant."slow-cleanup-0.2"]
# sentence = "An EXIT trap whose clean-up takes 0.2 s, round a foreground child"
# env = { PAUSE = "0.2" }
# [variant.slow-cleanup-1]
# sentence = "An EXIT trap whose clean-up takes 1 s, round a foreground child"
# env = { PAUSE = "1" }
# pause_s = 1.0
# [variant.slow-cleanup-4]
# sentence = "An EXIT trap whose clean-up takes 4 s, round a foreground child"
# env = { PAUSE = "4" }
# pause_s = 4.0
# ///
mark() { echo "$*" >> "${MARKS:-/dev/stderr}"; }
trap 'mark EXIT begin; /bin/sleep "${PAUSE:-1}"; mark EXIT end' EXIT
mark ready
ROLE=child /bin/sleep "${HOLD:-30}"

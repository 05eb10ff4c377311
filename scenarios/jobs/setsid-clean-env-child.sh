#!/bin/sh
# No group, no session and no variable leads from the runner to this child any more.
# /// aftercancel
# sentence = "A background child in a session of its own with an empty environment, then a foreground child"
# roles = ["aside", "child"]
# marks = ["ready", "after"]
# default = true
# [variant.setsid-clean-env-child-ends]
# sentence = "A background child in a session of its own with an empty environment; then the script ends"
# roles = ["aside"]
# env = { WORK = "0.3" }
# ends = true
# pause_s = 0.3
# ///
mark() { echo "$*" >> "${MARKS:-/dev/stderr}"; }
mark ready
/usr/bin/env -i ROLE=aside /usr/bin/setsid /bin/sleep "${HOLD:-30}" > /dev/null 2>&1 &
ROLE=child /bin/sleep "${WORK:-${HOLD:-30}}"
mark after

#!/bin/bash
# disown is not POSIX: bash, ksh93, zsh and yash have it. It is about the shell's own HUP.
# /// aftercancel
# sentence = "A background child that the shell has disowned, then a foreground child"
# roles = ["aside", "child"]
# marks = ["ready", "after"]
# shells = ["bash", "bash-posix", "ksh93", "zsh", "yash"]
# default = true
# [variant.disowned-child-ends]
# sentence = "A background child that the shell has disowned; then the script ends"
# roles = ["aside"]
# env = { WORK = "0.3" }
# ends = true
# pause_s = 0.3
# ///
mark() { echo "$*" >> "${MARKS:-/dev/stderr}"; }
mark ready
ROLE=aside /bin/sleep "${HOLD:-30}" > /dev/null 2>&1 &
disown || true  # ksh93 has no jobs to disown in a script, and says so
ROLE=child /bin/sleep "${WORK:-${HOLD:-30}}"
mark after

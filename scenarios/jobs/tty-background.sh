#!/bin/sh
# The job ends and leaves a child behind. At a terminal the end of the job is the end of the
# session, and the kernel hangs up on the foreground process group (credentials(7)).
# /// aftercancel
# pause_s = 0.3
# roles = ["background"]
# marks = ["ready"]
# ends = true
# [variant.tty-background-silent]
# sentence = "The job ends and leaves a silent child: does it live on?"
# env = { HOW = "silent" }
# [variant.tty-background-holds-output]
# sentence = "The job ends and leaves a child that holds its output open: who waits for whom?"
# env = { HOW = "holds-output" }
# [variant.tty-background-nohup]
# sentence = "The job ends and leaves a child started with nohup: does it live on?"
# env = { HOW = "nohup" }
# [variant.tty-background-setsid]
# sentence = "The job ends and leaves a child in a session of its own: does it live on?"
# env = { HOW = "setsid" }
# ///
mark() { echo "$*" >> "${MARKS:-/dev/stderr}"; }
mark ready
export ROLE=background
case ${HOW:-silent} in
    silent) /bin/sleep "${HOLD:-30}" < /dev/null > /dev/null 2>&1 & ;;
    holds-output) /bin/sleep "${HOLD:-30}" & ;;
    nohup) /usr/bin/nohup /bin/sleep "${HOLD:-30}" < /dev/null > /dev/null 2>&1 & ;;
    setsid) /usr/bin/setsid /bin/sleep "${HOLD:-30}" < /dev/null > /dev/null 2>&1 & ;;
esac
unset ROLE
/bin/sleep 0.3  # until the child is what it is to become

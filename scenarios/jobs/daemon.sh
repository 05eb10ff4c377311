#!/bin/sh
# Forked twice, out of the session, silent: the usual way to start a server for a test.
# Nobody stops it. Its pid file stays behind in the current folder.
# /// aftercancel
# sentence = "A daemon (two forks, its own session, a pid file) is started and forgotten"
# roles = ["daemon", "child"]
# marks = ["ready", "after"]
# default = true
# [variant.daemon-ends]
# sentence = "A daemon (two forks, its own session, a pid file) is started; then the script ends"
# roles = ["daemon"]
# env = { WORK = "0.3" }
# ends = true
# pause_s = 0.3
# ///
mark() { echo "$*" >> "${MARKS:-/dev/stderr}"; }
daemon='echo $$ > daemon.pid; exec /bin/sleep "${HOLD:-30}"'
mark ready
( ROLE=daemon /usr/bin/setsid /bin/sh -c "$daemon" < /dev/null > /dev/null 2>&1 & )
ROLE=child /bin/sleep "${WORK:-${HOLD:-30}}"
mark after

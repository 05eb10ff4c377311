#!/bin/sh
# A script that can be cancelled, for any POSIX shell on Linux. Copy it, put your work and
# your clean-up into the two functions at the top, and `run` before what takes time.
#
# However it ends (by itself, by an error under -e, by HUP, INT, QUIT, PIPE or TERM; sent to
# it alone, to its group or to every process one by one; once or twice):
#   1. first the running command and its process group end: TERM, and KILL after GRACE seconds;
#   2. then clean_up runs, once, and another signal does not disturb it;
#   3. then the script ends as it was told to: by the signal (or with 128 + its number).
# Each command gets one TERM, however many the runner sends. If the script itself is killed
# (KILL), nobody cleans up, but its command is killed too, by a watchdog.
#
# Not covered: a command that leaves its process group (a daemon), signals that were ignored
# when the script started (nohup), commands in the background (use no & of your own).
# A command has no terminal and, without a redirection, no input; it starts with INT and QUIT
# ignored. Where process 1 does not reap (a container without an init), ending a command may
# take GRACE seconds, since its dead processes look alive.
# -- measured (make remedies): all gone and clean in time in 208 of 352 cells of recipes, launchers,
#   launcher-terminals, ssh, chains. Else:
# The job itself runs on: whatever is sent under setsid, setsid-wait, ssh, ssh-forced-command,
#   ssh-sudo, sudo-ssh, tini-bash; HUP-process under bash-c, doas, flock, make, nohup, npm-run, npx,
#   parallel, python-call, runuser, script, su, xargs; INT-group under doas, su; KILL-process under
#   all but env, nice, nohup, none, script, ssh-eof-wrapper, ssh-tt, ssh-tt-sudo, sudo-tty,
#   sudo-tty-use-pty; TERM-process under bash-c, bash-sudo, flock, flock-python, make-npm-run,
#   npm-run, npx, python-call, xargs; hang-up under script/plain-tty; link-down under ssh-keepalive;
#   output-closed.
# Clean-up skipped: KILL-group; KILL-process under env, nice, nohup, none, sudo-tty-use-pty.
# Clean-up cut off: INT-group under parallel, python-call; TERM-group, TERM-process under parallel.
# All done, but after the runner's report: with some or all cancellations under bash-c, bash-sudo,
#   flock, flock-python, make-npm-run, npm-run, npx, python-call, script, ssh-eof-wrapper,
#   ssh-eof-wrapper-keepalive, ssh-tt, ssh-tt-keepalive, ssh-tt-sudo, ssh-tt/plain-tty, sudo-tty,
#   xargs.
# --
# /// aftercancel
# sentence = "Our best practice in POSIX sh, round a child with a child of its own"
# remedy = true
# pause_s = 0.5
# roles = ["child", "grandchild"]
# marks = ["ready", "clean-up begin", "clean-up end"]
# cleanup = "clean-up"
# removes = ["/home/ci/job.lock"]
# env = { GRACE = "1" }
# default = true
# [variant.recipe-sh-deaf]
# sentence = "Our best practice in POSIX sh, round a child and grandchild that ignore TERM"
# remedy = false
# env = { GRACE = "1", DEAF = "TERM" }
# ///
mark() { echo "$*" >> "${MARKS:-/dev/stderr}"; }

clean_up() {
    mark clean-up begin
    /bin/sleep 0.5
    /bin/rm -f job.lock
    mark clean-up end
}

work() {
    echo "$$" > job.lock
    mark ready
    run /usr/bin/env ROLE=child /bin/sh -c '
        [ -z "$DEAF" ] || trap "" "$DEAF"
        ROLE=grandchild /bin/sleep "${HOLD:-30}"
        exit "$?"'
}

# From here on nothing needs to be changed. "$!" is the last command's process group, and
# the shell sets it in one step with the fork; $over is the last one known to have ended.

run() {
    { exec /usr/bin/setsid "$@" 9>&-; } &
    echo "$!" >&9
    code=0
    wait "$!" || code=$?
    end_group
    [ "$code" -le 128 ] || code=$((128 + (code & 127)))  # ksh93 and yash count higher
    (exit "$code")  # not return: behind that, yash -e forgets the EXIT trap
}

end_group() {
    [ "$!" != "$over" ] || return 0
    kill -TERM "-$!" 2> /dev/null || kill -TERM "$!" 2> /dev/null || true
    patience=$((${GRACE:-10} * 10))
    while kill -0 "-$!" 2> /dev/null; do
        [ "$patience" -gt 0 ] || kill -KILL "-$!" 2> /dev/null || true
        [ "$patience" -gt -10 ] || break  # dead, but nobody asks for its status
        patience=$((patience - 1))
        /bin/sleep 0.1
    done
    over=$!
    echo >&9
}

finish() {
    trap '' HUP INT QUIT PIPE TERM  # once is enough; what clean_up starts is deaf as well
    [ -z "$finished" ] || return 0
    finished=yes
    end_group
    clean_up
    echo end >&9
    wait "$watchdog" || true
}

ended() { finish; exit "$1"; }

cancelled() {
    finish
    trap - EXIT "$1"
    kill -s "$1" "$$"
    exit "$2"  # in zsh, and as PID 1, that signal does not end us
}

finished=
alive=${TMPDIR:-/tmp}/alive.$$
/usr/bin/mkfifo -m 600 "$alive"
{ exec /usr/bin/setsid /bin/sh -c 'trap "" HUP INT QUIT PIPE TERM
    while read -r group && [ "$group" != end ]; do last=$group; done
    [ "$group" = end ] || [ -z "$last" ] || kill -KILL "-$last"' < "$alive" > /dev/null 2>&1; } &
watchdog=$!
over=$!
exec 9> "$alive"
/bin/rm -f "$alive"

[ -z "${ZSH_VERSION:-}" ] || setopt posix_traps  # or zsh -e forgets it in functions
trap 'ended "$?"' EXIT
trap 'cancelled HUP 129' HUP
trap 'cancelled INT 130' INT
trap 'cancelled QUIT 131' QUIT
trap 'cancelled PIPE 141' PIPE
trap 'cancelled TERM 143' TERM
work

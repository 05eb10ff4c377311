#!/bin/bash
# A bash script that can be cancelled. Copy it, put your work and your clean-up into the two
# functions at the top, and `run` before what takes time.
#
# However it ends (by itself, by an error under -e, by HUP, INT, QUIT, PIPE or TERM; sent to
# it alone, to its group or to every process one by one; once or twice):
#   1. first the running command and its process group end: they get the signal that the
#      script got (TERM after an error), and KILL after GRACE seconds;
#   2. then clean_up runs, once, and another signal does not disturb it;
#   3. then the script ends as it was told to: by that signal.
# Each command gets the signal once, however often the runner sends it. If the script itself
# is killed (KILL), nobody cleans up, but its command is killed too, by a watchdog.
#
# Not covered: a command that leaves its process group (a daemon), signals that were ignored
# when the script started (nohup), commands in the background (use no & of your own). `run`
# takes functions too, but not the terminal's input: a command that reads it is stopped. Where
# process 1 does not reap (a container without an init), ending a command may take GRACE
# seconds, since its dead processes look alive.
# -- measured (make remedies): all gone and clean in time in 25 of 29 cells of recipes. Else:
# The job itself runs on: output-closed.
# Clean-up skipped: KILL-group, KILL-process.
# --
# /// aftercancel
# sentence = "Our best practice in bash, round a child with a child of its own"
# remedy = true
# pause_s = 0.5
# shells = ["bash", "bash-posix"]
# roles = ["child", "grandchild"]
# marks = ["ready", "clean-up begin", "clean-up end"]
# cleanup = "clean-up"
# removes = ["/home/ci/job.lock"]
# env = { GRACE = "1" }
# default = true
# [variant.recipe-bash-deaf]
# sentence = "Our best practice in bash, round a child and grandchild that ignore TERM"
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
    run env ROLE=child /bin/sh -c '
        [ -z "$DEAF" ] || trap "" "$DEAF"
        ROLE=grandchild /bin/sleep "${HOLD:-30}"
        exit "$?"'
}

# From here on nothing needs to be changed. $! is the last command's process group, and bash
# sets it in one step with the fork; $over is the last one known to have ended.

signals=(HUP INT QUIT PIPE TERM)

run() {
    set -m  # a process group of its own, and INT is not ignored in it
    "$@" <&0 &
    set +m
    echo "$!" >&"$alive"
    local code=0
    wait "$!" || code=$?
    end_group TERM
    return "$code"
}

end_group() {
    [[ $! != "$over" ]] || return 0
    kill -s "$1" -- "-$!" 2> /dev/null || true
    local patience=$((${GRACE:-10} * 10))
    while kill -0 -- "-$!" 2> /dev/null; do
        ((patience-- > 0)) || kill -KILL -- "-$!" 2> /dev/null || true
        ((patience > -10)) || break  # dead, but nobody asks for its status
        /bin/sleep 0.1
    done
    over=$!
    echo >&"$alive"
}

finish() {
    trap '' "${signals[@]}"  # once is enough; what clean_up starts is deaf as well
    [[ ! $finished ]] || return 0
    finished=yes
    end_group "$1"
    clean_up
    echo end >&"$alive"
    wait "$watchdog" || true
}

ended() { finish TERM; exit "$1"; }

cancelled() {
    finish "$1"
    trap - EXIT "$1"
    kill -s "$1" "$$"
    exit "$((128 + $(kill -l "$1")))"  # as PID 1, that signal does not end us
}

watch() {  # kills the command when the script is gone without having said "end"
    trap '' "${signals[@]}"
    exec > /dev/null 2>&1
    local group last=
    while read -r group && [[ $group != end ]]; do last=$group; done
    [[ $group == end || ! $last ]] || kill -KILL -- "-$last"
}

finished=
set -m
coproc WATCHDOG { watch; }
set +m
watchdog=$WATCHDOG_PID alive=${WATCHDOG[1]} over=$!

trap 'ended "$?"' EXIT
for signal in "${signals[@]}"; do trap "cancelled $signal" "$signal"; done
work
